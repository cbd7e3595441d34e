"""Run a .tflite file on the TFLite of the Python that runs this script.

    python litert.py MODEL INPUTS.npy OUTPUTS.npz

Needs numpy and a TFLite runtime of any age, and nothing of this project. INPUTS are (N, H, W, 3) in
the file's type. OUTPUTS has one array for each output, (N, ...). Uses the default interpreter with
XNNPACK and one thread. Prints one line of JSON: the version of the runtime.
"""

import json
import sys

import numpy as np

try:
    import tflite_runtime as runtime
    from tflite_runtime.interpreter import Interpreter
except ModuleNotFoundError:
    try:
        import ai_edge_litert as runtime
        from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError:
        import tensorflow as runtime

        Interpreter = runtime.lite.Interpreter


def main(model: str, inputs: str, outputs: str) -> None:
    """Write the outputs of every input."""
    interpreter = Interpreter(model, num_threads=1)
    interpreter.allocate_tensors()
    (taken,) = interpreter.get_input_details()
    given = named(interpreter)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in given}
    for image in np.load(inputs):
        interpreter.set_tensor(taken["index"], image[None])
        interpreter.invoke()
        for name, index in given.items():
            rows[name].append(interpreter.get_tensor(index)[0].copy())
    arrays = {name: np.stack(found) for name, found in rows.items()}
    np.savez(outputs, **arrays)  # type: ignore[arg-type]  # numpy's stub takes them for options
    print(json.dumps({"release": version()}))


def named(interpreter: Interpreter) -> dict[str, int]:
    """Tensor indices by output name; only a file with several outputs has a signature."""
    details = interpreter.get_output_details()
    if len(details) == 1:
        return {"logits": details[0]["index"]}
    (signature,) = interpreter._get_full_signature_list().values()
    return dict(signature["outputs"])


def version() -> str:
    """The version of the runtime; LiteRT's package does not hold its own."""
    if hasattr(runtime, "__version__"):
        return str(runtime.__version__)
    from importlib.metadata import version as installed

    return installed("ai-edge-litert")


if __name__ == "__main__":
    main(*sys.argv[1:])
