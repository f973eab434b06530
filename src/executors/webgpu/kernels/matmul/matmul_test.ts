import { kernelTests } from "../../testing.ts";

kernelTests(["matmul"]);
