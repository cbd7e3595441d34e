/**
 * PyTorch's outputs for the golden images, as slide_mobile/artifact/golden.py writes them: logits in
 * the manifest, or maps at some places in a safetensors file.
 */

import { PageError } from "./errors.js";

const PLACES_OF = ".places";

/** By name of each output: its `values`, and their `places` (row, column) in a map, or null. */
export function recorded(item, file, outputs) {
  if (item.logits) return { logits: { values: item.logits, places: null } };
  const found = tensors(file);
  return Object.fromEntries(outputs.map(({ name }) => [name, atPlaces(found, name)]));
}

function atPlaces(found, name) {
  const [values, places] = [found[name], found[name + PLACES_OF]];
  if (!values || !places) throw new PageError(`A golden file does not hold ${name}.`);
  return { values: Array.from(values), places };
}

/** The tensors of a safetensors file by name: 8 bytes with the header's length, JSON, the data. */
export function tensors(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, start)));
  const kinds = { F32: Float32Array, I32: Int32Array };
  const read = ({ dtype, data_offsets: [from, to] }) =>
    new kinds[dtype](file.slice(start + from, start + to).buffer);
  const named = Object.entries(header).filter(([name]) => name !== "__metadata__");
  return Object.fromEntries(named.map(([name, tensor]) => [name, read(tensor)]));
}

/** What of an output was recorded: all logits, or all channels of a map at the places, in turn. */
export function seen(values, places, { shape, layout }) {
  if (places === null) return Array.from(values);
  const [height, width, channels] = mapSize(shape, layout);
  const at =
    layout === "NCHW"
      ? (row, column, channel) => (channel * height + row) * width + column
      : (row, column, channel) => (row * width + column) * channels + channel;
  const found = [];
  for (let i = 0; i < places.length; i += 2)
    for (let channel = 0; channel < channels; channel++)
      found.push(values[at(places[i], places[i + 1], channel)]);
  return found;
}

/** Height, width and channels; an output that is no map is one of width 1, its last axis channels. */
function mapSize(shape, layout) {
  if (layout === "NHWC") return shape.slice(1);
  if (layout === "NCHW") return [shape[2], shape[3], shape[1]];
  const inner = shape.slice(1);
  const channels = inner.at(-1) ?? 1;
  return [inner.reduce((product, side) => product * side, 1) / channels, 1, channels];
}
