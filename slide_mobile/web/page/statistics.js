/**
 * What a list of latencies says, and whether to believe it: the rules of
 * slide_mobile/bench/statistics.py, with the same words.
 */

export const MAX_SPREAD = 1.1; // p90 over p50; beyond it the machine was too noisy
export const MAX_SLOWDOWN = 1.1; // median of the last quarter of the runs over that of the first
export const MIN_RUNS = 30;
export const MIN_RUNS_OF_P99 = 1000;
const SAME_SPEED = 1.1; // as far apart as the latencies of one accelerator may be

/** Interpolates linearly at position (n - 1) * percent / 100 of the sorted samples. */
export function percentile(samples, percent) {
  const ordered = Float64Array.from(samples).sort();
  const position = ((ordered.length - 1) * percent) / 100;
  const below = Math.floor(position);
  const above = Math.min(below + 1, ordered.length - 1);
  return ordered[below] + (ordered[above] - ordered[below]) * (position - below);
}

export const median = (samples) => percentile(samples, 50);

/** Percentiles and mean of the samples in milliseconds; all null where there are none. */
export function summary(samples) {
  if (samples.length === 0) return { p50_ms: null, p90_ms: null, p99_ms: null, mean_ms: null };
  return {
    p50_ms: median(samples),
    p90_ms: percentile(samples, 90),
    p99_ms: samples.length >= MIN_RUNS_OF_P99 ? percentile(samples, 99) : null,
    mean_ms: samples.reduce((sum, ms) => sum + ms, 0) / samples.length,
  };
}

/** Median of the last quarter of the runs over that of the first; null for fewer than four. */
export function slowdown(samples) {
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) return null;
  return median(samples.slice(-quarter)) / median(samples.slice(0, quarter));
}

/** Reasons not to trust these latencies; none if they are good. */
export function whyInvalid(samples) {
  const reasons = [];
  if (samples.length < MIN_RUNS) reasons.push(`${samples.length} runs are fewer than ${MIN_RUNS}`);
  const { p50_ms, p90_ms } = summary(samples);
  if (samples.length > 0 && p90_ms / p50_ms > MAX_SPREAD)
    reasons.push(`spread of ${percent(p90_ms / p50_ms)} % is over ${percent(MAX_SPREAD, 0)} %`);
  const slower = slowdown(samples);
  if (slower !== null && slower > MAX_SLOWDOWN) reasons.push(`slowed down by ${percent(slower)} %`);
  return reasons;
}

/** The reason not to believe that an accelerator computed; see slide_mobile/bench/device.py. */
export function whyUnbelievable({ equal_to_cpu, cpu_ms, own_ms }, accelerator) {
  const ratio = own_ms / cpu_ms;
  if (!equal_to_cpu || ratio < 1 / SAME_SPEED || ratio > SAME_SPEED) return [];
  return [`${accelerator} gives the CPU's outputs, to the last bit, at the CPU's speed`];
}

/** How far a ratio is above 1, in percent. */
function percent(ratio, digits = 1) {
  return (100 * (ratio - 1)).toFixed(digits);
}
