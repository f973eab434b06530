/// <reference lib="dom" />
/** @jsx h */
/**
 * Which methods stand in the plots, and how each looks; a button turns one off and on.
 *
 * @module
 */
import { h } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import * as Plot from "@observablehq/plot";
import type { Look } from "../charts/ink.ts";
import { useShared } from "./context.ts";
import { joined } from "./state.ts";

function Sample({ look }: { readonly look: Look }) {
  const box = useRef<HTMLSpanElement>(null);
  const { ink } = useShared();
  useLayoutEffect(() => {
    const { color, dash, symbol } = look;
    const drawn = Plot.plot({
      className: "plot",
      width: 34,
      height: 14,
      margin: 0,
      x: { domain: [0, 34], range: [0, 34], axis: null },
      y: { domain: [0, 14], range: [0, 14], axis: null },
      marks: [
        Plot.line([[0, 7], [34, 7]], {
          stroke: color,
          strokeWidth: 2,
          ...(dash ? { strokeDasharray: dash } : {}),
        }),
        Plot.dot([[17, 7]], { stroke: color, fill: ink.paper, strokeWidth: 1.75, symbol, r: 4 }),
      ],
    });
    drawn.setAttribute("aria-hidden", "true");
    box.current!.replaceChildren(drawn);
  }, [look]);
  return <span class="sample" ref={box} />;
}

/** The legend of all plots. */
export function Legend() {
  const { allLooks, state: { hidden, shown }, choose } = useShared();
  const off = new Set(hidden);
  return (
    <div class="legend" role="group" aria-label="Methods in the plots">
      {[...allLooks].map(([label, { look }]) => (
        <button
          key={label}
          type="button"
          aria-pressed={!off.has(label)}
          onClick={() => {
            const next = shown.filter((other) => off.has(other) !== (other === label));
            choose({ off: next.length > 0 ? joined(next) : undefined });
          }}
        >
          <Sample look={look} />
          <bdi>{label}</bdi>
        </button>
      ))}
      <p class="hint">Turn methods off here; add others with the boxes of the table.</p>
    </div>
  );
}
