/**
 * Headless Chromium for the page's tests and for timing it. `CHROMIUM` names another browser than Debian's.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

const places = (Deno.env.get("PATH") ?? "").split(":").map((folder) => join(folder, "chromium"));
const candidates = [Deno.env.get("CHROMIUM"), ...places].filter((path) => path !== undefined);
const executablePath = candidates.find((path) => existsSync(path)) ?? "chromium";
/** Whether there is one. */
export const hasChromium: boolean = existsSync(executablePath);

const flags = [
  "--headless=new",
  "--no-sandbox",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A page that is open, and what it did that a page must not. */
export interface Opened {
  readonly page: Page;
  readonly misdeeds: string[];
}

/** A browser and an empty folder for some work. */
export async function withBrowser(use: (browser: Browser, folder: string) => Promise<void>): Promise<void> {
  // Else playwright asks whether this is Windows under files that only a task with all permissions may see.
  Deno.env.set("__IS_WSL_TEST__", "1");
  const { chromium } = await import("playwright-core");
  const folder = await Deno.makeTempDir();
  const browser = await chromium.launch({ executablePath, args: flags });
  try {
    await use(browser, folder);
  } finally {
    await browser.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Opens a page in a context of its own, and waits for its first chart. */
export async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const misdeeds: string[] = [];
  page.on("console", (message) => misdeeds.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => misdeeds.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => misdeeds.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (request.url() !== url.split("#")[0] && !request.url().startsWith("data:")) {
      misdeeds.push(`request: ${request.url()}`);
    }
  });
  await page.goto(url);
  await page.waitForSelector("#run ~ .chart svg");
  return { page, misdeeds };
}
