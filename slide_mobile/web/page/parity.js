/** How near outputs are to PyTorch's, computed as in slide_mobile/parity/metrics.py. */

/**
 * 10 log10(|reference|^2 / |reference - output|^2) and the verdict. `sqnr_db` is null where there is
 * no such number: equal to the last bit (passed), not finite or all zeros (not passed).
 */
export function compare(reference, output, floor) {
  const finite = (values) => values.length > 0 && values.every(Number.isFinite);
  if (reference.length !== output.length || !finite(reference) || !finite(output))
    return { sqnr_db: null, passed: false };
  let [noise, signal] = [0, 0];
  reference.forEach((expected, i) => {
    noise += (expected - output[i]) ** 2;
    signal += expected ** 2;
  });
  if (noise === 0) return { sqnr_db: null, passed: true };
  if (signal === 0) return { sqnr_db: null, passed: false };
  const sqnr_db = 10 * Math.log10(signal / noise);
  return { sqnr_db, passed: sqnr_db >= floor };
}

/**
 * The verdict on all golden images together, and on each one; the worst output counts. `expected`
 * and `found` have an object for each image, with an array for each output.
 */
export function judge(golden, expected, found, floor) {
  const names = Object.keys(expected[0]);
  const worst = (reference, output) =>
    names.map((name) => compare(reference(name), output(name), floor)).reduce(lower);
  const images = golden.map(({ file }, i) => ({
    file,
    ...worst((name) => expected[i][name], (name) => found[i][name]),
  }));
  const all = (of) => (name) => of.flatMap((outputs) => outputs[name]);
  return { ...worst(all(expected), all(found)), images };
}

/** The worse of two verdicts on the same images, image by image. */
export function worse(first, second) {
  const images = first.images.map((image, i) => lower(image, second.images[i]));
  return { ...lower(first, second), images };
}

function lower(one, other) {
  if (one.passed !== other.passed) return one.passed ? other : one;
  // Without a number, outputs that passed are equal, and those that did not are not finite.
  if (one.sqnr_db === null) return one.passed ? other : one;
  if (other.sqnr_db === null) return other.passed ? one : other;
  return one.sqnr_db <= other.sqnr_db ? one : other;
}

/** On how many golden images the likeliest class is PyTorch's. */
export function agreement(expected, found) {
  return expected.filter(({ logits }, i) => argmax(logits) === argmax(found[i].logits)).length;
}

/** The largest difference of two lists of outputs; null where one is not finite. */
export function maxAbs(first, second) {
  const flat = (images) => images.flatMap((outputs) => Object.values(outputs).flat());
  const other = flat(second);
  const apart = flat(first).map((x, i) => Math.abs(x - other[i]));
  return apart.every(Number.isFinite) ? Math.max(0, apart[argmax(apart)]) : null;
}

/** The place of the largest value, the first of several. */
export function argmax(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}
