"""Run a .pte file on ExecuTorch's runtime for 64-bit Arm, without torch.

    python executorch_arm64.py MODEL INPUTS.npy OUTPUTS.npz NAME...

Needs numpy, and the folder of lab/executorch/part.py among those of libraries. INPUTS are
(N, 3, H, W) in the file's type. OUTPUTS has one array for each NAME, (N, ...). Uses one thread.
Prints one line of JSON: the version of the runtime.
"""

import ctypes
import json
import os
import re
import sys
import tempfile
from ctypes import POINTER, byref, c_char_p, c_int, c_int8, c_int32, c_size_t, c_ulong, c_void_p
from importlib.metadata import version

import numpy as np

LIBRARIES = ("libpthreadpool.so.0", "libcpuinfo.so.0", "libc_executorch.so")
RTLD_LAZY, RTLD_GLOBAL = 1, 0x100
TYPES = {5: np.float16, 6: np.float32}  # ExecuTorch's scalar types
CODES = {np.dtype(kind).name: code for code, kind in TYPES.items()}
MOST_AXES = 16
# Flags of cpuinfo at the offsets where XNNPACK reads them (struct cpuinfo_arm_isa), and the same
# as the kernel tells them: the type of the entry in the auxiliary vector, and its bit.
AT_HWCAP, AT_HWCAP2 = 16, 26
FLAGS = {
    "i8mm": (4, AT_HWCAP2, 13),
    "sme": (5, AT_HWCAP2, 23),
    "fp16": (21, AT_HWCAP, 10),
    "dot products": (22, AT_HWCAP, 20),
}


def main(model: str, inputs: str, outputs: str, *names: str) -> None:
    """Write the outputs of every input."""
    library = load()
    check_flags()
    library.et_one_thread()
    method = c_void_p()
    call(library, "load", model.encode(), b"forward", byref(method))
    if (count := library.et_outputs(method)) != len(names):
        raise ValueError(f"the file has {count} outputs instead of {', '.join(names)}")
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for image in np.load(inputs):
        run(library, method, image)
        for index, name in enumerate(names):
            rows[name].append(output(library, method, index))
    arrays = {name: np.stack(found) for name, found in rows.items()}
    np.savez(outputs, **arrays)  # type: ignore[arg-type]  # numpy's stub takes them for options
    print(json.dumps({"release": version("executorch")}))


def load() -> ctypes.CDLL:
    """The C boundary of the runtime.

    Bound lazily, because functions of torch are missing that nothing here calls: ctypes itself
    binds all.
    """
    dlopen, dlerror = ctypes.CDLL(None).dlopen, ctypes.CDLL(None).dlerror
    dlopen.argtypes, dlopen.restype, dlerror.restype = (c_char_p, c_int), c_void_p, c_char_p
    for name in LIBRARIES:
        handle = dlopen(name.encode(), RTLD_LAZY | RTLD_GLOBAL)
        if not handle:
            raise OSError(dlerror().decode())
    library = ctypes.CDLL(name, handle=handle)
    library.et_output.restype = c_void_p
    library.et_outputs.restype = library.et_shape.restype = c_size_t
    return library


def check_flags() -> None:
    """Raise RuntimeError if XNNPACK would read other features of the CPU than there are."""
    cpuinfo, process = ctypes.CDLL("libcpuinfo.so.0"), ctypes.CDLL(None)
    if not cpuinfo.cpuinfo_initialize():
        raise RuntimeError("cpuinfo does not know this CPU")
    process.getauxval.argtypes, process.getauxval.restype = (c_ulong,), c_ulong
    flags = (ctypes.c_ubyte * 32).in_dll(cpuinfo, "cpuinfo_isa")
    for name, (offset, entry, bit) in FLAGS.items():
        if flags[offset] != process.getauxval(entry) >> bit & 1:
            raise RuntimeError(f"XNNPACK would read cpuinfo's flag for {name} elsewhere")


def run(library: ctypes.CDLL, method: c_void_p, image: np.ndarray) -> None:
    """Run one input, (C, H, W)."""
    shape = (c_int32 * 4)(1, *image.shape)
    code = c_int8(CODES[image.dtype.name])
    data = image.ctypes.data_as(POINTER(c_int8))
    call(library, "set_input", method, data, shape, c_size_t(4), code)
    call(library, "execute", method)


def output(library: ctypes.CDLL, method: c_void_p, index: int) -> np.ndarray:
    """An output of the last run, without its first axis."""
    count, code, shape = c_size_t(), c_int8(), (c_int32 * MOST_AXES)()
    place = c_size_t(index)
    data = library.et_output(method, place, byref(count), byref(code))
    axes = shape[: library.et_shape(method, place, shape)]
    kind = np.dtype(TYPES[code.value])
    return np.frombuffer(ctypes.string_at(data, count.value * kind.itemsize), kind).reshape(axes)[0]


def call(library: ctypes.CDLL, name: str, *arguments: object) -> None:
    """Call a function; raises RuntimeError with the first line that the runtime logs.

    It logs to standard error, the cause first.
    """
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            error = getattr(library, f"et_{name}")(*arguments)
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        log.seek(0)
        lines = log.read().decode(errors="replace").splitlines()
    if error:
        said = re.sub(r"^\[.*?\] ", "", lines[0]) if lines else f"error {error:#x}"
        raise RuntimeError(f"ExecuTorch cannot {name}: {said}")


if __name__ == "__main__":
    main(*sys.argv[1:])
