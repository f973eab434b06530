import { kernelTests } from "../../testing.ts";

kernelTests(["linear"]);
