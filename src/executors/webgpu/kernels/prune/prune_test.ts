import { kernelTests } from "../../testing.ts";

kernelTests(["prune"]);
