/** LiteRT.js: its builds, the ways to run a file with it, and a model that is ready to run. */

import * as litert from "./litert/core/dist/index.js";

const WASM = "litert/core/wasm";
const MOST_THREADS = 16;

/** Ways to run a file. Those of one `build` can take turns; another build is loaded after it. */
export async function waysToRun(threads) {
  const jspi = await litert.supportsFeature("jspi"); // lets a GPU leave operations to the CPU
  const cpu = { accelerator: "cpu", name: threads > 1 ? `CPU, ${threads} threads` : "CPU", threads };
  const gpu = { accelerator: "webgpu", threads: null, build: jspi ? { jspi: true } : {} };
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return [
    { ...cpu, precision: null, build: threads > 1 ? { threads: true } : {} },
    ...(adapter ? [{ ...gpu, name: "WebGPU, fp32", precision: "fp32" }] : []),
    ...(adapter?.features.has("shader-f16")
      ? [{ ...gpu, name: "WebGPU, fp16", precision: "fp16" }]
      : []),
  ];
}

/** The most threads that this page may use: one, unless its server sends the headers for more. */
export async function mostThreads() {
  if (!crossOriginIsolated) return 1;
  const able = await Promise.all(["threads", "relaxedSimd"].map(litert.supportsFeature));
  return able.every(Boolean) ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
}

/** Loads a build in place of the one that was loaded before; `remark` gets the lines that it prints. */
export async function loadBuild(build, remark) {
  if (litert.getGlobalLiteRtPromise() !== undefined) litert.unloadLiteRt();
  // Emscripten takes its settings from here. By default it prints every remark as an error.
  self.Module = { print: remark, printErr: remark };
  await quietly(() => litert.loadLiteRt(WASM, build));
}

/** Has the runtime make a file ready; the loaded build must be the one of `way`. */
export async function loadModel(artifact, way) {
  const start = performance.now();
  const compiled = await quietly(() =>
    litert.loadAndCompile(artifact.model, {
      accelerator: way.accelerator === "cpu" ? "wasm" : "webgpu",
      cpuOptions: { numThreads: way.threads ?? 1 },
      gpuOptions: way.precision ? { precision: way.precision } : {},
    }),
  );
  const { input, outputs } = artifact.manifest;
  const tensors = artifact.inputs.map((image) => new litert.Tensor(image, input.shape));
  // A single output may have another name in the file.
  const names = outputs.length === 1 ? [outputs[0].name] : named(compiled.getOutputDetails());
  const loadMs = performance.now() - start;
  return new Model(compiled, { shape: input.shape, tensors, names, loadMs });
}

const named = (details) => details.map(({ name }) => name);

/** A file that is ready to run, with the golden images in the runtime's memory. */
class Model {
  constructor(compiled, { shape, tensors, names, loadMs }) {
    Object.assign(this, { compiled, shape, tensors, names, loadMs });
  }

  /** What computes: "cpu", "webgpu", or "webgpu, partly cpu". */
  get used() {
    if (this.compiled.options.accelerator === "wasm") return "cpu";
    return this.compiled.isFullyAccelerated ? "webgpu" : "webgpu, partly cpu";
  }

  /** The outputs for a golden image, an array by name, and the milliseconds from its memory to theirs. */
  run(number) {
    return this.answer(this.tensors[number]);
  }

  /** The same for another image, such as a camera's. */
  async classify(input) {
    const tensor = new litert.Tensor(input, this.shape);
    try {
      return await this.answer(tensor);
    } finally {
      tensor.delete();
    }
  }

  async answer(input) {
    const start = performance.now();
    const tensors = await this.compiled.run(input);
    const arrays = await Promise.all(tensors.map((tensor) => tensor.data()));
    const ms = Number((performance.now() - start).toFixed(6)); // a nanosecond is exact enough
    tensors.forEach((tensor) => tensor.delete());
    return { outputs: Object.fromEntries(this.names.map((name, i) => [name, arrays[i]])), ms };
  }

  delete() {
    this.tensors.forEach((tensor) => tensor.delete());
    this.compiled.delete();
  }
}

/**
 * Keeps LiteRT.js's own warnings out of the console: that there is no GPU, and that a file is not
 * wholly for it, are results here, which the page shows.
 */
async function quietly(call) {
  const { warn } = console;
  console.warn = () => {};
  try {
    return await call();
  } finally {
    console.warn = warn;
  }
}
