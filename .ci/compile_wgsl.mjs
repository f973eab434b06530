// Compiles what `deno task wgsl` wrote in headless Chromium, under WebGPU's default limits: another compiler of WGSL
// (Tint) than the one of Deno (Naga), and the one that browsers have.
//   node compile_wgsl.mjs DIR    with playwright-core to be found from the working folder
// Any error or rejected pipeline makes the exit code 1; CHROMIUM names another browser than Debian's.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("Wanted the folder that deno task wgsl wrote to");
  process.exit(2);
}
const { chromium } = createRequire(join(process.cwd(), "none.js"))("playwright-core");

const pipelines = JSON.parse(await readFile(join(folder, "pipelines.json"), "utf8"));
const names = [...new Set(pipelines.map(({ source }) => source))];
const sources = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")])),
);
if (pipelines.length === 0) throw new Error(`There are no pipelines in ${folder}`);

// WebGPU wants a secure context, which a page of this machine is.
const server = createServer((_, response) => response.end("<!doctype html><title>WGSL</title>"));
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const url = `http://127.0.0.1:${server.address().port}/`;

/** Compiles some of the pipelines in a browser of its own. */
async function compileIn(share) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless=new",
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    return { ...await page.evaluate(compile, { pipelines: share, sources }), version: browser.version() };
  } finally {
    await browser.close();
  }
}

try {
  // One browser compiles one pipeline at a time, mostly in its driver.
  const browsers = Math.max(1, Math.min(4, availableParallelism()));
  const shares = Array.from({ length: browsers }, (_, i) => pipelines.filter((_, j) => j % browsers === i));
  const results = await Promise.all(shares.map(compileIn));
  const problems = [...new Set(results.flatMap((result) => result.problems))];
  for (const problem of problems) console.error(problem);
  const [{ adapter, version }] = results;
  const compiled = results.reduce((sum, result) => sum + result.compiled, 0);
  console.log(
    `${names.length} sources and ${compiled} of ${pipelines.length} pipelines compile in Chromium ${version} on ${adapter}`,
  );
  process.exitCode = problems.length === 0 && compiled === pipelines.length ? 0 : 1;
} finally {
  server.close();
}

/** Runs in the page. */
async function compile({ pipelines, sources }) {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error("The browser gives no WebGPU adapter");
  const device = await adapter.requestDevice();
  const problems = [];
  device.addEventListener("uncapturederror", ({ error }) => problems.push(`uncaptured: ${error.message}`));
  device.lost.then(({ reason, message }) => problems.push(`the device was lost: ${reason} ${message}`));
  const modules = {};
  let compiled = 0;
  for (const [name, code] of Object.entries(sources)) {
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label: name, code });
    const { messages } = await module.getCompilationInfo();
    const error = await device.popErrorScope();
    const errors = messages.filter(({ type }) => type === "error");
    problems.push(...errors.map(({ lineNum, linePos, message }) => `${name}:${lineNum}:${linePos}: ${message}`));
    if (error && errors.length === 0) problems.push(`${name}: ${error.message}`);
    if (!error && errors.length === 0) modules[name] = module;
  }
  const layouts = new Map();
  const layoutOf = (types) => {
    const key = JSON.stringify(types);
    if (!layouts.has(key)) {
      const entries = types.map(({ binding, type }) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type },
      }));
      const bindGroupLayouts = [device.createBindGroupLayout({ entries })];
      layouts.set(key, device.createPipelineLayout({ bindGroupLayouts }));
    }
    return layouts.get(key);
  };
  // All at once, so that the browser uses every core. A source that did not compile has been reported.
  await Promise.all(
    pipelines.filter(({ source }) => source in modules).map(
      async ({ name, source, entryPoint, constants, layout }) => {
        const compute = { module: modules[source], entryPoint, constants };
        try {
          await device.createComputePipelineAsync({ label: name, layout: layoutOf(layout), compute });
          compiled++;
        } catch (error) {
          problems.push(`${name} of ${source}: ${error.message}`);
        }
      },
    ),
  );
  const { vendor, architecture, device: model, description } = adapter.info;
  const words = [vendor, architecture, model, description].filter((text) => text);
  return { adapter: words.join(" "), problems, compiled };
}
