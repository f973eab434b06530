import { kernelTests } from "../../testing.ts";

kernelTests(["transpose", "slice", "pad", "concat", "broadcast", "reshape"]);
