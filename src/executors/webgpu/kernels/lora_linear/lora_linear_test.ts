import { kernelTests } from "../../testing.ts";

kernelTests(["loraLinear"]);
