/** Rows as a table and a chart; every text is set as text, whatever a manifest holds. */

import { summary } from "./statistics.js";

const SVG = "http://www.w3.org/2000/svg";
const [BAR, LINE, WIDTH] = [18, 44, 340]; // of the chart, in its own units

/** An element with attributes and children; a string becomes text. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function drawn(name, attributes, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** A row of the table; its cells say their column where the table is too narrow for a head. */
export function tableRow(row) {
  const { p50_ms, p90_ms } = summary(row.samples ?? []);
  const cell = (label, content, kind = "") =>
    element("td", { role: "cell", "data-label": label, class: kind }, ...[content].flat());
  return element(
    "tr",
    { role: "row" },
    element(
      "th",
      { role: "rowheader", scope: "row" },
      row.folder,
      element("span", { class: "soft" }, row.way.name),
    ),
    cell("Outputs", parityOf(row)),
    cell("p50, ms", ms(p50_ms), "n"),
    cell("p90, ms", ms(p90_ms), "n"),
    cell("Runs", row.samples?.length ? String(row.samples.length) : "–", "n"),
    cell("Latency", verdictOf(row)),
  );
}

function parityOf({ parity, agreement }) {
  if (!parity) return "–";
  const top = agreement === undefined ? "" : `, top class ${agreement} of ${parity.images.length}`;
  return [
    parity.passed ? mark("good", "as PyTorch’s") : mark("bad", "wrong"),
    element("span", { class: "soft" }, decibels(parity) + top),
  ];
}

function verdictOf({ state, error, whyInvalid }) {
  if (state === "failed") return [mark("bad", "not run"), element("span", {}, error)];
  if (state !== "done") return state === "checked" ? "measuring" : state;
  if (whyInvalid.length === 0) return mark("good", "valid");
  return [mark("mild", "not valid"), ...whyInvalid.map((why) => element("span", {}, why.replaceAll(" %", "\u00a0%")))];
}

const mark = (kind, text) => element("span", { class: `verdict ${kind}` }, text);

/** An SQNR for a person. */
export function decibels({ sqnr_db, passed }) {
  if (sqnr_db !== null) return `${sqnr_db.toFixed(1)} dB`;
  return passed ? "equal to the last bit" : "no number";
}

const ms = (value) => (value === null ? "–" : Number(value.toPrecision(4)).toString());

/** The medians as bars, with a line to the 90th percentile; null without a latency. */
export function chart(rows) {
  const timed = rows.filter((row) => row.samples?.length);
  if (timed.length === 0) return null;
  const found = timed.map((row) => ({ ...row, ...summary(row.samples) }));
  const most = Math.max(...found.map((row) => row.p90_ms));
  const x = (value) => ((WIDTH - 60) * value) / most; // the rest is for the number
  const told = found.map((row) => `${row.folder} on ${row.way.name}: ${ms(row.p50_ms)} ms`);
  return drawn(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${found.length * LINE}`, role: "img", "aria-label": told.join("; ") },
    ...found.map((row, i) => bar(row, i * LINE, x)),
  );
}

function bar(row, top, x) {
  const [y, middle] = [top + LINE - BAR - 6, top + LINE - 6 - BAR / 2];
  const number = { x: x(row.p90_ms) + 6, y: middle + 4, class: "value" };
  const kind = row.way.accelerator;
  return drawn(
    "g",
    {},
    drawn("text", { x: 0, y: y - 5 }, `${row.folder}, ${row.way.name}`),
    drawn("rect", { x: 0, y, width: x(row.p50_ms), height: BAR, rx: 3, class: kind }),
    drawn("path", { d: `M${x(row.p50_ms)} ${middle}H${x(row.p90_ms)}`, class: "line" }),
    drawn("text", number, ms(row.p50_ms)),
  );
}
