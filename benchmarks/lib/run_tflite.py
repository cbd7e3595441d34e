"""Run a .tflite file on the TFLite of the Python that runs this script.

    python run_tflite.py MODEL IMAGES.npy LOGITS.npy

Needs numpy and a TFLite runtime, and nothing of this repository. IMAGES are (N, H, W, 3) bytes.
Prints the version of the runtime. Uses the default interpreter with XNNPACK, as apps do.
"""

import sys

import numpy as np

try:
    import tflite_runtime as runtime
    from tflite_runtime.interpreter import Interpreter
except ModuleNotFoundError:
    import tensorflow as runtime

    Interpreter = runtime.lite.Interpreter


def main(model: str, images: str, logits: str) -> None:
    """Write the logits of each image, (N, num_classes)."""
    print(runtime.__version__, flush=True)
    interpreter = Interpreter(model)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for image in np.load(images):
        interpreter.set_tensor(taken["index"], image[None].astype(taken["dtype"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(given["index"])[0].copy())
    np.save(logits, np.stack(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
