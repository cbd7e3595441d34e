/** The camera: the likeliest classes of what it sees, frame by frame. */

import { isClassifier, readArtifact, size, toInput } from "./artifact.js";
import { PageError } from "./errors.js";
import { loadBuild, loadModel } from "./runtime.js";

const KEPT = 0.875; // of the shorter side, as in slide_mobile/preprocess.py
const TOP = 3;
const BETWEEN_MS = 100; // from one answer to the next: a person cannot read faster

/** Shows the likeliest classes until `stop` (an AbortSignal); throws PageError without a camera. */
export async function watch(listed, way, { video, say, show, remark, stop }) {
  const artifact = await readArtifact(listed);
  if (!isClassifier(artifact.manifest))
    throw new PageError(`${listed.folder} names no classes: choose a classifier.`);
  const stream = await open();
  try {
    stop.addEventListener("abort", () => close(stream), { once: true });
    video.srcObject = stream;
    await video.play();
    say("Loading the model");
    await loadBuild(way.build, remark);
    const model = await loadModel(artifact, way);
    say(`${listed.folder} looks at the camera`);
    while (!stop.aborted) {
      const found = await model.classify(middle(video, artifact.manifest));
      show(likeliest(Array.from(found.outputs.logits), artifact.labels), found.ms);
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
    model.delete();
  } finally {
    close(stream);
    video.srcObject = null;
  }
}

async function open() {
  const asked = { video: { facingMode: "environment" }, audio: false };
  try {
    return await navigator.mediaDevices.getUserMedia(asked);
  } catch (error) {
    if (error.name === "NotAllowedError")
      throw new PageError("The page may not use the camera: allow it in the browser’s settings.");
    throw new PageError("This device has no camera that the browser can open.");
  }
}

function close(stream) {
  stream.getTracks().forEach((track) => track.stop());
}

/** The middle of a frame at the model's input size, as the model takes it; the browser resizes. */
function middle(video, manifest) {
  const [height, width] = size(manifest);
  const scale = Math.min(video.videoWidth / width, video.videoHeight / height) * KEPT;
  const [w, h] = [width * scale, height * scale];
  const [left, top] = [(video.videoWidth - w) / 2, (video.videoHeight - h) / 2];
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(video, left, top, w, h, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return toInput(data.filter((_, i) => i % 4 !== 3), manifest.input); // without alpha
}

/** The likeliest classes by name, with their probabilities. */
export function likeliest(logits, labels) {
  const most = logits.reduce((found, x) => Math.max(found, x), -Infinity);
  const powers = logits.map((x) => Math.exp(x - most));
  const sum = powers.reduce((total, x) => total + x, 0);
  return powers
    .map((power, i) => ({ label: labels[i], probability: power / sum }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, TOP);
}
