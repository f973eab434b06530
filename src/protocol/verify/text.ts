/**
 * Whether a record's text is, byte for byte, what a run writes: lines of canonical JSON, each ended by a line break.
 * With the chain, which is over that form, no character of a record can be changed without a trace.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/json.ts";
import { RecordError } from "../records/lines.ts";
import { type AnyRecord, parseRecord } from "../records/parse.ts";
import type { Finding } from "./finding.ts";

/** A record, or why there is none; and what is odd about its text. */
export function readText(
  text: string,
  path: string,
): { readonly record?: AnyRecord; readonly findings: readonly Finding[] } {
  try {
    const record = parseRecord(text, path);
    return { record, findings: checkText(text) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { findings: [findingOf(error)] };
  }
}

function findingOf(error: InputError): Finding {
  if (!(error instanceof RecordError)) {
    return { check: "shape", found: error.message, wanted: "a record" };
  }
  const { line, found: message } = error;
  const isSeal = /^the (hash|chain) does not fit/.test(message);
  const [, found, , wanted] = /^(?:found )?(.*?)(, wanted (.*))?$/s.exec(message) ?? [];
  return {
    check: isSeal ? "seal" : "shape",
    line,
    found: found ?? message,
    wanted: wanted ?? (isSeal ? "lines as they were written" : "a line as a run writes it"),
  };
}

function checkText(text: string): Finding[] {
  const lines = text.split("\n");
  const cut = lines.pop();
  const findings = lines.flatMap((line, i): Finding[] => {
    if (canonicalJson(JSON.parse(line)) === line) return [];
    return [{
      check: "seal",
      line: i + 1,
      found: "a line written in another way",
      wanted: "sorted keys, no spaces, and numbers in their shortest form",
    }];
  });
  if (cut !== "") {
    findings.push({
      check: "shape",
      line: lines.length + 1,
      found: "a line that is cut off",
      wanted: "a line break at its end",
    });
  }
  return findings;
}
