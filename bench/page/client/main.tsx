/// <reference lib="dom" />
/** @jsx h */
/**
 * Starts the page.
 *
 * @module
 */
import { h, render } from "preact";
import { App } from "./app.tsx";
import { detailFinder, loadBoard, loadSection } from "./load.ts";
import { readChoices, stateOf } from "./state.ts";

async function start(): Promise<void> {
  const { packs, ...payload } = await loadBoard();
  const { board } = payload;
  if (board.sections.length === 0) return;
  const first = board.sections.indexOf(stateOf(board, readChoices()).section);
  const rests = new Map([[board.sections[first]!.id, await loadSection(first)]]);
  const app = document.getElementById("app")!;
  app.replaceChildren();
  render(<App {...payload} rests={rests} detailOf={detailFinder(packs)} />, app);
  // Two frames later what was rendered has been painted, and clicks are answered.
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("interactive")));
}

start();
