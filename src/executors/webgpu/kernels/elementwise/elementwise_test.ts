import { kernelTests } from "../../testing.ts";

kernelTests(["unary", "binary", "where"]);
