/// <reference lib="dom" />
/**
 * The page in headless Chromium, opened from disk. Where there is no Chromium these tests are left out, unless
 * `REQUIRE_CHROMIUM` is set.
 *
 * @module
 */
import axe from "axe-core";
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { renderPage } from "./mod.ts";
import { familyBoard, largeBoard, smallBoard } from "./test_boards.ts";
import { hasChromium, open, withBrowser } from "../lab/browser.ts";

if (!hasChromium) console.warn("The page's tests in a browser are left out: there is no chromium");

/** What axe finds in a part of a page, as short lines; of contrast alone if so asked. */
async function faults(page: Page, part: string, contrastOnly = false): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(
    ([part, contrastOnly]) =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(
        part,
        contrastOnly ? { runOnly: ["color-contrast"] } : {},
      ),
    [part, contrastOnly] as const,
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

function browserTest(
  name: string,
  use: (t: Deno.TestContext, browser: Browser, folder: string) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: !hasChromium && !Deno.env.get("REQUIRE_CHROMIUM"),
    // The browser's pipes are closed after its process has ended.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: (t) => withBrowser((browser, folder) => use(t, browser, folder)),
  });
}

browserTest("the page in Chromium", async (t, browser, folder) => {
  const { board, details } = smallBoard();
  const path = join(folder, "leaderboard.html");
  await Deno.writeTextFile(path, renderPage(board, details, { hrefOf: (record) => record }));
  const url = pathToFileURL(path).href;
  const { page, misdeeds } = await open(browser, url);
  const rows = () => page.locator("table.main tbody tr").count();

  await t.step("says what the data decide, and draws every part", async () => {
    assert.match(await page.locator("h1").innerText(), /^At T = 10, .*ham is first/);
    assert.equal(await rows(), 10);
    const parts = await page.locator("main h2").allInnerTexts();
    assert.deepEqual(parts, [
      "Methods at T = 10",
      "As the number of tasks grows",
      "How much of the gap is closed",
      "ham minus each rival",
      "Accuracy and what it costs",
      "Who beats whom",
      "Merge and head",
      "One run",
    ]);
    // Growth, gap, lead, costs, ranks, heads, and three of the run.
    assert.equal(await page.locator(".figure > svg[role=img]").count(), 9);
    for (const svg of await page.locator(".figure > svg").all()) {
      assert.ok((await svg.getAttribute("aria-label"))!.length > 20);
      assert.doesNotMatch(await svg.innerHTML(), /NaN|undefined/);
    }
    const growth = await page.locator("section[aria-labelledby=growth] svg").textContent();
    for (const name of ["ham", "ranpac", "joint", "simplecil"]) assert.ok(growth!.includes(name), name);
    assert.match(await page.locator("tr", { hasText: "lwf" }).first().innerText(), /1 failed, 1 missing/);
  });

  await t.step("shows text of records as text", async () => {
    assert.equal(await page.locator("img").count(), 0);
    assert.ok(await page.getByText("onerror=").count() > 3);
  });

  await t.step("opens the records of a number by keyboard, and gives the focus back", async () => {
    const number = page.locator("tr.protagonist .number").first();
    await number.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "ham, T = 10" });
    await dialog.waitFor();
    const seeds = await dialog.locator("tbody tr").allInnerTexts();
    assert.equal(seeds.length, 5);
    assert.match(seeds[0]!, /^0\s+ham\s+10\s+4\d\.\d\s+done/);
    assert.match((await dialog.locator("a").first().getAttribute("href"))!, /^records\/\d+\.jsonl$/);
    const run = board.sections[0]!.runs.find((one) => one.method === "ham" && one.tasks === 10)!;
    assert.equal(await dialog.locator("code").first().innerText(), run.hash);
    assert.deepEqual(await faults(page, "dialog"), []);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.ok(await number.evaluate((element) => element === document.activeElement));
  });

  await t.step("sorts, filters and hides by keyboard", async () => {
    await page.getByRole("button", { name: "Forgetting", exact: true }).focus();
    await page.keyboard.press("Enter");
    const header = page.getByRole("columnheader", { name: "Forgetting" });
    assert.equal(await header.getAttribute("aria-sort"), "ascending");
    await page.getByRole("searchbox", { name: "Method" }).focus();
    await page.keyboard.type("AN");
    assert.deepEqual(await page.locator("table.main tbody bdi").allInnerTexts(), ["ranpac"]);
    await page.keyboard.press("Backspace");
    await page.keyboard.press("Backspace");
    await page.getByRole("checkbox", { name: "image buffer" }).focus();
    await page.keyboard.press("Space");
    assert.equal(await rows(), 9);
    const growth = page.locator("section[aria-labelledby=growth] svg");
    const drawn = await growth.locator("path").count();
    await page.locator(".legend").getByRole("button", { name: "ranpac" }).focus();
    await page.keyboard.press("Space");
    assert.equal(
      await page.locator(".legend").getByRole("button", { name: "ranpac" }).getAttribute("aria-pressed"),
      "false",
    );
    await page.waitForFunction(
      (before) => document.querySelectorAll("section[aria-labelledby=growth] path").length < before,
      drawn,
    );
  });

  await t.step("keeps what is chosen in its address", async () => {
    await page.getByRole("combobox", { name: "Number of tasks, T", exact: true }).selectOption("5");
    await page.getByRole("combobox", { name: "Metric", exact: true }).selectOption("forgetting");
    await page.getByRole("combobox", { name: "Cost", exact: true }).selectOption("flopPerTestImage");
    const again = await open(browser, page.url());
    assert.equal(await again.page.locator("h2").first().innerText(), "Methods at T = 5");
    assert.equal(
      await again.page.getByRole("combobox", { name: "Metric", exact: true }).inputValue(),
      "forgetting",
    );
    assert.equal(await again.page.locator("table.main tbody tr").count(), 9);
    assert.equal(
      await again.page.locator(".legend").getByRole("button", { name: "ranpac" }).getAttribute(
        "aria-pressed",
      ),
      "false",
    );
    await again.page.getByRole("combobox", { name: "Head", exact: true }).selectOption("linear");
    await again.page.waitForFunction(() => document.querySelectorAll("table.main tbody tr").length === 2);
    await again.page.waitForSelector("#run ~ .chart svg");
    assert.deepEqual(again.misdeeds, []);
  });

  await t.step("bears an address that names what is not there", async () => {
    const odd = await open(
      browser,
      `${url}#s=none&t=7&m=__proto__&show=a|b&cols=constructor,pooled&sort=-x&run=%00&class=&theme=x`,
    );
    assert.equal(await odd.page.locator("table.main tbody tr").count(), 0);
    assert.deepEqual(odd.misdeeds, []);
  });

  await t.step("shows the groups of a run", async () => {
    const table = page.locator("table", { has: page.locator("caption", { hasText: "Groups by task" }) });
    const texts = await table.locator("tbody tr").allTextContents();
    assert.equal(texts.length, 5);
    assert.match(texts[0]!, /^1founds 1/);
    assert.match(texts[2]!, /^3joins 10\.100/);
  });

  assert.deepEqual(misdeeds, []);
});

browserTest("the page of a stream of families", async (t, browser, folder) => {
  const { board, details } = familyBoard();
  const path = join(folder, "leaderboard.html");
  await Deno.writeTextFile(path, renderPage(board, details));
  const { page, misdeeds } = await open(browser, pathToFileURL(path).href);

  await t.step("shows and explains what the stream tells", async () => {
    const heads = await page.locator("table.main thead th").allInnerTexts();
    for (const text of ["Groups", "Families found", "Family transfer", "Related", "Interference"]) {
      assert.ok(heads.includes(text), `${heads}`);
    }
    assert.equal(await page.getByText("1 if a method's groups are the families").count(), 1);
    // Tasks 1, 3, 5 and 2, 4, 6 of families 1, 2, 3, 1, 2, 3: no pair of a family is together.
    const row = await page.locator("table.main tr.protagonist").allInnerTexts();
    assert.match(row[0]!.replaceAll(/\s+/g, " "), /Groups of ham: 2 Families found of ham: −0\.36 /);
    assert.match(await page.locator(".scope").innerText(), /The backbone has seen this data: 8 of 8 classes/);
  });

  await t.step("holds the groups of a run against the families", async () => {
    const captioned = (text: string) =>
      page.locator("table", { has: page.locator("caption", { hasText: text }) }).locator("tbody tr")
        .allTextContents();
    assert.deepEqual(await captioned("Tasks by group and family"), ["1111", "2111"]);
    assert.match((await captioned("Groups by task"))[3]!, /^4wooljoins 2/);
    await page.getByRole("combobox", { name: "Method", exact: true }).last().selectOption("naive");
    await page.waitForFunction(() =>
      !document.querySelector("#app")!.textContent!.includes("Groups and families")
    );
  });

  await t.step("is accessible, and fits a narrow screen", async () => {
    for (const width of [1280, 360]) {
      const other = await open(browser, page.url().split("#")[0]!, { viewport: { width, height: 800 } });
      await other.page.evaluate(() => document.querySelectorAll("details").forEach((one) => one.open = true));
      assert.deepEqual(await faults(other.page, "html"), []);
      assert.ok(await other.page.evaluate(() => document.documentElement.scrollWidth) <= width);
      assert.deepEqual(other.misdeeds, []);
    }
  });

  assert.deepEqual(misdeeds, []);
});

browserTest(
  "the page is accessible and fits, light and dark, wide and narrow, and in print",
  async (t, browser, folder) => {
    const { board, details } = smallBoard();
    const path = join(folder, "leaderboard.html");
    await Deno.writeTextFile(path, renderPage(board, details));
    const url = pathToFileURL(path).href;
    for (const [colorScheme, width] of [["light", 1280], ["dark", 360]] as const) {
      await t.step(`${colorScheme}, ${width} pixels`, async () => {
        const { page, misdeeds } = await open(browser, url, {
          colorScheme,
          viewport: { width, height: 800 },
        });
        await page.evaluate(() => document.querySelectorAll("details").forEach((one) => one.open = true));
        assert.deepEqual(await faults(page, "html"), []);
        assert.ok(
          await page.evaluate(() => document.documentElement.scrollWidth) <= width,
          "the page scrolls sideways",
        );
        assert.deepEqual(misdeeds, []);
        await page.context().close();
      });
    }
    await t.step("a chosen scheme holds against the system's", async () => {
      const { page } = await open(browser, url, { colorScheme: "light" });
      await page.getByRole("combobox", { name: "Colours", exact: true }).selectOption("dark");
      await page.waitForFunction(() => getComputedStyle(document.body).backgroundColor === "rgb(20, 23, 27)");
      assert.deepEqual(await faults(page, "html", true), []);
      await page.emulateMedia({ media: "print" });
      assert.equal(
        await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
        "rgb(255, 255, 255)",
      );
      assert.ok(!await page.locator(".filters").isVisible());
      assert.ok(await page.locator(".figure > svg").last().isVisible());
    });
  },
);

browserTest("a page of 5,000 records is under 5 MB and draws all of them", async (_, browser, folder) => {
  const { board, details } = largeBoard();
  assert.equal(board.sections.reduce((sum, { runs }) => sum + runs.length, 0), 5000);
  const path = join(folder, "leaderboard.html");
  const html = renderPage(board, details, { hrefOf: (record) => record });
  await Deno.writeTextFile(path, html);
  assert.ok(html.length < 5e6, `${html.length} bytes`);
  const { page, misdeeds } = await open(browser, pathToFileURL(path).href);
  // How soon: bench/lab/page_load.ts.
  assert.ok(await page.evaluate(() => performance.getEntriesByName("interactive").length) === 1);
  assert.deepEqual(misdeeds, []);
});
