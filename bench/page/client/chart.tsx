/// <reference lib="dom" />
/** @jsx h */
/** @jsxFrag Fragment */
/**
 * A plot on the page: drawn to the width there is, with its values as a table for those who do not see it.
 *
 * @module
 */
import { type ComponentChildren, h } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Figure } from "../charts/series.ts";

/** What a plot needs. */
export interface ChartProps {
  /** Draws to a width. */
  draw(width: number): Figure;
  /** Draws again when one of them changes. */
  readonly inputs: readonly unknown[];
  /** Called with what is under the pointer when it is clicked. */
  readonly onPick?: (mark: unknown) => void;
  /** The same values, as a table. */
  readonly table: ComponentChildren;
}

/** A plot and its table. */
export function Chart({ draw, inputs, onPick, table }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const pick = useRef(onPick);
  pick.current = onPick;
  useLayoutEffect(() => {
    const measure = () => setWidth(Math.max(280, Math.floor(box.current!.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (width === 0) return;
    const figure = draw(width);
    figure.setAttribute("role", "img");
    // A picture is one thing to a screen reader, so that its parts have no names.
    for (const part of figure.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
    figure.addEventListener("click", () => {
      const { value } = figure as { value?: unknown };
      if (value) pick.current?.(value);
    });
    box.current!.replaceChildren(figure);
  }, [width, ...inputs]);
  return (
    <div class="chart">
      <div ref={box} class={onPick ? "figure can-pick" : "figure"} />
      <details class="values">
        <summary>Values as a table</summary>
        {table}
      </details>
    </div>
  );
}

/** Renders its children after those before it, so that the page answers before all is drawn. */
export function Later({ turn, children }: { readonly turn: number; readonly children: ComponentChildren }) {
  const [isReady, setReady] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setReady(true), 30 * turn);
    return () => clearTimeout(timer);
  }, []);
  return <div class="later">{isReady ? children : null}</div>;
}

/** A table that scrolls on its own where it is wider than the page. */
export function Scroll({ label, children, tall }: {
  readonly label: string;
  readonly children: ComponentChildren;
  readonly tall?: boolean;
}) {
  return (
    <div class={tall ? "scroll tall" : "scroll"} role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}

/** A part of the page. */
export function Part({ id, title, lead, children }: {
  readonly id: string;
  readonly title: string;
  readonly lead?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="part" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {lead ? <p class="lead">{lead}</p> : null}
      {children}
    </section>
  );
}

/** One of several choices. */
export function Choice<T extends string>({ label, value, options, onChoose }: {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly text: string }[];
  onChoose(value: T): void;
}) {
  return (
    <label class="choice">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value as T)}>
        {options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === value}>
            {option.text}
          </option>
        ))}
      </select>
    </label>
  );
}
