/**
 * The leaderboard as a page, and its main plots as pictures.
 *
 * @module
 */
export { isPlainAddress, type PageOptions, renderPage } from "./page.ts";
export { renderPlots } from "./pictures.ts";
