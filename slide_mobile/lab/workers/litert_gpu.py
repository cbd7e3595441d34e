"""Run a .tflite file on LiteRT's GPU accelerator (ML Drift), in this project's Python.

    python litert_gpu.py MODEL INPUTS.npy OUTPUTS.npz ARITHMETIC

INPUTS are (N, H, W, 3) in the file's type. ARITHMETIC is fp32, or fp16: the delegate's default, on
a device that has it. The accelerator must take the whole file: LiteRT has no CPU to fall back to.
Prints one line of JSON. VK_DRIVER_FILES names the Vulkan driver.
"""

import importlib.metadata
import json
import sys

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator
from ai_edge_litert.options import GpuOptions, Options


def main(model: str, inputs: str, outputs: str, arithmetic: str) -> None:
    """Write the outputs of every input."""
    options = Options(
        hardware_accelerators=HardwareAccelerator.GPU,
        gpu_options=GpuOptions(enforce_f32=arithmetic == "fp32"),
    )
    compiled = CompiledModel.from_file(model, options=options)
    ((key, signature),) = compiled.get_signature_list().items()
    (taken,) = signature["inputs"]
    shapes = {n: tuple(d["shape"]) for n, d in compiled.get_output_tensor_details(key).items()}
    source = {taken: compiled.create_input_buffer_by_name(key, taken)}
    given = {name: compiled.create_output_buffer_by_name(key, name) for name in shapes}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in shapes}
    for image in np.load(inputs):
        source[taken].write(image[None])
        compiled.run_by_name(key, source, given)
        for name, shape in shapes.items():
            found = given[name].read(int(np.prod(shape)), np.float32)
            rows[name].append(found.reshape(shape)[0])
    names = {name: "logits" if len(shapes) == 1 else name for name in shapes}
    arrays = {names[name]: np.stack(found) for name, found in rows.items()}
    np.savez(outputs, **arrays)  # type: ignore[arg-type]  # numpy's stub takes them for options
    refused = [] if compiled.is_fully_accelerated() else ["the accelerator took a part only"]
    release = importlib.metadata.version("ai-edge-litert")
    print(json.dumps({"release": release, "refused": refused}))


if __name__ == "__main__":
    main(*sys.argv[1:])
