/**
 * GitHub's own checker of workflows. Its modules import JSON as only a bundler takes it: bundled once, it is imported
 * by the test.
 *
 * Test support; the entry of a bundle, imported by no other module.
 *
 * @module
 */
export { validate } from "npm:@actions/languageservice@0.3.61/validate";
export { TextDocument } from "npm:vscode-languageserver-textdocument@1.0.16";
