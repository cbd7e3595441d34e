/** Rows as a bench document: what `slide-mobile bench --import` reads. */

import { environment } from "./device.js";
import { WARM_UP_RUNS } from "./measure.js";
import { summary } from "./statistics.js";

const SCHEMA_VERSION = 3;

/** The document of a finished measurement, as slide_mobile/bench/bench.schema.json describes it. */
export async function toDocument(rows, site) {
  const results = rows.filter((row) => row.state === "done").map((row) => toResult(row, site));
  const timed = results.map((result) => result.p50_ms !== null);
  const table = (one) =>
    timed.map((known, i) => timed.map((_, j) => (known && i === j ? one : null)));
  return {
    schema_version: SCHEMA_VERSION,
    source: "web",
    environment: await environment(site),
    results,
    ratios: table(1),
    ratio_intervals: table([1, 1]),
    comparisons: [], // one process gives no ratio that is sure
    failed: rows
      .filter((row) => row.state === "failed")
      .map((row) => ({ artifact: row.folder, error: `${row.way.name}: ${row.error}` })),
  };
}

function toResult(row, site) {
  const { manifest, manifest_sha256 } = row.artifact;
  const { partitions, delegated_ops, total_ops } = manifest.graph;
  return {
    artifact: row.folder,
    model: manifest.model.name,
    target: manifest.target,
    precision: manifest.precision,
    manifest_sha256,
    runtime: `LiteRT.js ${site.litert_js}`,
    accelerator_requested: row.way.accelerator,
    accelerator_used: row.used,
    threads: row.way.threads,
    warmup_runs: WARM_UP_RUNS,
    runs: row.samples.length,
    seconds: row.samples.reduce((sum, ms) => sum + ms, 0) / 1e3,
    ...summary(row.samples),
    first_ms: row.firstMs,
    load_ms: row.loadMs,
    peak_rss_bytes: null,
    partitions,
    delegated_ops,
    total_ops,
    thermal_before: "unknown",
    thermal_after: "unknown",
    samples_ms: row.samples,
    valid: row.whyInvalid.length === 0,
    why_invalid: row.whyInvalid,
    sustained: null,
    verify: row.parity.images,
    ...(row.way.precision && { accelerator_precision: row.way.precision }),
    ...(row.fingerprint && { fingerprint: row.fingerprint }),
  };
}
