/** The protocol of a measurement: check, warm up, measure in turns, and check again. */

import { isClassifier, readArtifact } from "./artifact.js";
import { agreement, judge, maxAbs, worse } from "./parity.js";
import { seen } from "./recorded.js";
import { loadBuild, loadModel } from "./runtime.js";
import { median, whyInvalid, whyUnbelievable } from "./statistics.js";

export const WARM_UP_RUNS = 5;
export const MIN_RUNS = 50;
const MIN_FP16_DB = 40; // of a file that a GPU computes in fp16
const MOST_SECONDS = 60; // for one row
const PAUSE_MS = 50; // after so long, the page may draw and hear its buttons
const TICKS = 20; // of the clock, to find its shortest
const LEAST_TICKS = 50; // of the clock in one run, so that its length is known to 2 %

/**
 * Measures each artifact in each way. `show` gets every row when something about it is known, and
 * `say` a sentence for what is going on. `conditions` tells what speaks against the time in which
 * it was measured, `stop` (an AbortSignal) ends the measurement early, and `remark` gets what the
 * runtime prints.
 */
export async function measure(listed, ways, options) {
  const { show, say, stop, remark } = options;
  const rows = listed.flatMap(({ folder }) => ways.map((way) => ({ folder, way, state: "waiting" })));
  rows.forEach(show);
  const artifacts = new Map();
  for (const item of listed) {
    say(`Loading ${item.folder}`);
    artifacts.set(item.folder, await readArtifact(item).catch((error) => error));
  }
  const builds = new Set(ways.map((way) => JSON.stringify(way.build)));
  for (const build of builds) {
    if (stop.aborted) break;
    const mine = rows.filter((row) => JSON.stringify(row.way.build) === build);
    say("Loading the runtime");
    const missing = await loadBuild(JSON.parse(build), remark).then(() => null, (error) => error);
    if (missing !== null) {
      mine.forEach((row) => show(fail(row, missing)));
      continue;
    }
    for (const row of mine) await begin(row, artifacts.get(row.folder), options);
    const ready = mine.filter((row) => row.model);
    if (!stop.aborted) await inTurns(ready, options);
    for (const row of ready) await end(row, rows, options);
  }
  return rows;
}

/** Loads a row's model, and runs its golden images for the first time. */
async function begin(row, artifact, { show, say }) {
  say(`Checking ${row.folder} on ${row.way.name}`);
  row.samples = [];
  try {
    if (artifact instanceof Error) throw artifact;
    row.artifact = artifact;
    row.model = await loadModel(artifact, row.way);
    ({ used: row.used, loadMs: row.loadMs } = row.model);
    if (row.used === "cpu" && row.way.accelerator !== "cpu")
      throw new Error("the runtime leaves the whole file to the CPU");
    row.firstMs = (await row.model.run(0)).ms;
    await check(row);
    row.state = "checked";
  } catch (error) {
    fail(row, error);
  }
  show(row);
  await pause();
}

/** Compares the outputs with PyTorch's; the worse of all checks so far counts. */
async function check(row) {
  const { golden, parity } = row.artifact.manifest;
  const expected = row.artifact.recorded.map((image) => mapped(image, ({ values }) => values));
  const outputs = await outputsOf(row);
  const found = judge(golden, expected, outputs, floor(row.way, parity));
  row.parity = row.parity ? worse(row.parity, found) : found;
  if (isClassifier(row.artifact.manifest))
    row.agreement = Math.min(row.agreement ?? golden.length, agreement(expected, outputs));
  row.changed = row.outputs !== undefined && maxAbs(row.outputs, outputs) !== 0;
  row.outputs = outputs;
}

/** The manifest's floor; a GPU that was asked for fp16 has that of slide_mobile/lab/gpu.py. */
function floor({ precision }, { min_sqnr_db }) {
  return precision === "fp16" ? Math.min(min_sqnr_db, MIN_FP16_DB) : min_sqnr_db;
}

/** What PyTorch recorded of the outputs, for all golden images, one by one. */
async function outputsOf({ model, artifact }) {
  const named = new Map(artifact.manifest.outputs.map((output) => [output.name, output]));
  const found = [];
  for (const [number, image] of artifact.recorded.entries()) {
    const { outputs } = await model.run(number);
    found.push(mapped(image, ({ places }, name) => seen(outputs[name], places, named.get(name))));
  }
  return found;
}

const mapped = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));

/** One run of each row after the other, until each has enough. */
async function inTurns(rows, { minSeconds, show, say, conditions, stop }) {
  const started = performance.now();
  conditions.begin();
  say("Measuring");
  for (let i = 0; i < WARM_UP_RUNS; i++) for (const row of rows) await timed(row);
  let [drawn, open] = [0, rows.filter((row) => row.model)];
  open.forEach((row) => Object.assign(row, { samples: [], spentMs: 0 })); // not the warm-up
  while (open.length > 0 && !stop.aborted) {
    for (const row of open) await timed(row);
    if (performance.now() - drawn > PAUSE_MS) {
      open.forEach(show);
      await pause();
      drawn = performance.now();
    }
    open = open.filter((row) => row.model && !enough(row, minSeconds));
  }
  const reasons = await conditions.end();
  const spent = (performance.now() - started) / 1e3;
  if (stop.aborted) reasons.push(`stopped after ${spent.toFixed(1)} s`);
  rows.forEach((row) => (row.whyInvalid = [...whyInvalid(row.samples), ...reasons]));
}

/** Runs a row once; one that fails, such as by a lost GPU, leaves the measurement. */
async function timed(row) {
  if (!row.model) return;
  try {
    const { ms } = await row.model.run(0);
    row.samples.push(ms);
    row.spentMs += ms;
  } catch (error) {
    fail(row, error);
  }
}

/** Checks a row once more, and gives its verdict. */
async function end(row, rows, { show, say, stop }) {
  if (!row.model) return show(row);
  say(`Checking ${row.folder} on ${row.way.name} again`);
  try {
    if (!stop.aborted) await check(row);
    if (row.samples.includes(0)) throw new Error("the browser's clock is too coarse to time it");
    row.whyInvalid = [...(row.whyInvalid ?? ["stopped before it was measured"]), ...doubts(row)];
    row.fingerprint = fingerprint(row, rows);
    if (row.fingerprint)
      row.whyInvalid.push(...whyUnbelievable(row.fingerprint, row.way.accelerator));
    row.state = "done";
  } catch (error) {
    fail(row, error);
  }
  row.model?.delete();
  row.model = null;
  show(row);
  await pause();
}

/** What speaks against a row beside its spread. */
function* doubts({ parity, changed, samples }) {
  if (!parity.passed) yield "its outputs are not PyTorch's";
  if (changed) yield "its outputs changed when it ran again";
  const tick = clockTick();
  if (samples.length > 0 && median(samples) < LEAST_TICKS * tick)
    yield `the browser's clock ticks only every ${Number(tick.toPrecision(2))} ms`;
}

/** A row on an accelerator beside the same file on the CPU; nothing where there are not both. */
function fingerprint(row, rows) {
  const cpu = rows.find((one) => one.folder === row.folder && one.way.accelerator === "cpu");
  if (row === cpu || !cpu?.samples?.length || !row.samples.length) return undefined;
  const max_abs = maxAbs(row.outputs, cpu.outputs);
  return {
    equal_to_cpu: max_abs === 0,
    max_abs,
    cpu_ms: median(cpu.samples),
    own_ms: median(row.samples),
  };
}

/** Takes a row out, with the reason, and returns it; its memory goes with the runtime's. */
function fail(row, error) {
  row.state = "failed";
  row.model = null;
  row.error = error instanceof Error ? error.message : String(error);
  return row;
}

function enough({ samples, spentMs }, minSeconds) {
  const spent = spentMs / 1e3;
  return (samples.length >= MIN_RUNS && spent >= minSeconds) || spent > MOST_SECONDS;
}

/** The shortest step of the browser's clock, in milliseconds. */
export function clockTick() {
  let least = Infinity;
  for (let i = 0; i < TICKS; i++) {
    const start = performance.now();
    let now = start;
    while (now === start) now = performance.now();
    least = Math.min(least, now - start);
  }
  return least;
}

/** Lets the page draw. */
function pause() {
  return new Promise((resolve) => setTimeout(resolve));
}
