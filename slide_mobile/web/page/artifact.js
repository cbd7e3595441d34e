/** Artifacts of this site: fetched, and held against the digests of their manifests. */

import { PageError } from "./errors.js";
import { recorded } from "./recorded.js";

/**
 * The list of this site: its version, the runtime's, and the artifacts' folders; and whether its
 * server `takesResults`.
 */
export async function readSite() {
  const answer = await found("site.json");
  const takesResults = answer.headers.has("Slide-Mobile-Takes-Results");
  return { ...(await answer.json()), takesResults };
}

/**
 * An artifact with its manifest, labels, and golden images: as the model's inputs, and what PyTorch
 * made of them.
 * Throws PageError where a file is missing, or is not the one that was converted.
 */
export async function readArtifact({ folder, manifest_sha256 }) {
  const root = `artifacts/${encodeURIComponent(folder)}`;
  const head = await whole(`${root}/manifest.json`, manifest_sha256);
  const manifest = JSON.parse(new TextDecoder().decode(head));
  const file = (name) => name && whole(`${root}/${name}`, manifest.files[name]);
  const { golden, outputs } = manifest;
  const [model, labels, images, maps] = await Promise.all([
    file(manifest.file),
    file(isClassifier(manifest) && "labels.txt"),
    Promise.all(golden.map((item) => file(item.file))),
    Promise.all(golden.map((item) => file(item.maps))),
  ]);
  return {
    folder,
    manifest,
    manifest_sha256,
    model,
    labels: labels ? new TextDecoder().decode(labels).trimEnd().split("\n") : [],
    recorded: golden.map((item, i) => recorded(item, maps[i], outputs)),
    inputs: images.map((image) => toInput(pixels(image, size(manifest)), manifest.input)),
  };
}

export const isClassifier = (manifest) => manifest.task === "classify";

/** The (height, width) of an artifact's input. */
export function size({ input: { shape, layout } }) {
  return layout === "NHWC" ? shape.slice(1, 3) : shape.slice(2, 4);
}

/** RGB bytes, row by row, in the layout and the type that the model takes. */
export function toInput(rgb, { layout, dtype }) {
  const values = dtype === "uint8" ? new Uint8Array(rgb.length) : new Float32Array(rgb.length);
  if (layout === "NHWC") values.set(rgb);
  else {
    const plane = rgb.length / 3;
    rgb.forEach((value, i) => (values[(i % 3) * plane + Math.floor(i / 3)] = value));
  }
  return values;
}

/** The RGB bytes of a golden image, as slide_mobile/artifact/golden.py writes it. */
export function pixels(ppm, [height, width]) {
  const header = new TextEncoder().encode(`P6\n${width} ${height}\n255\n`);
  const fits = ppm.length === header.length + height * width * 3;
  if (!fits || header.some((byte, i) => ppm[i] !== byte))
    throw new PageError(`A golden image is not a PPM of ${width} x ${height} pixels.`);
  return ppm.subarray(header.length);
}

async function whole(path, sha256) {
  const data = new Uint8Array(await (await found(path)).arrayBuffer());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  const actual = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (actual !== sha256) {
    await forget(path);
    throw new PageError(`${path} is damaged: load the page again, or write the site again.`);
  }
  return data;
}

/** Has the service worker keep no file that is not the right one. */
async function forget(path) {
  const names = (await self.caches?.keys().catch(() => [])) ?? [];
  await Promise.all(names.map(async (name) => (await caches.open(name)).delete(path)));
}

async function found(path) {
  const answer = await fetch(path, { cache: "no-cache" }).catch(() => null);
  if (!answer?.ok)
    throw new PageError(`${path} cannot be loaded (${answer?.status ?? "no connection"}).`);
  return answer;
}
