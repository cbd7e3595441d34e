"""Run a .onnx with ONNX Runtime's CPU provider."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnxruntime

from slide_mobile.preprocess import Pixels, planar
from slide_mobile.targets.converter import RawOutputs, Runner
from slide_mobile.tasks import Layout
from slide_mobile_converters.onnx import reading
from slide_mobile_converters.onnx.reading import INPUT

RUNTIME = f"ONNX Runtime {onnxruntime.__version__}, CPU"
_LAYOUT: Layout = "NCHW"
_ERRORS_ONLY = 3  # ONNX Runtime's own logger prints warnings on the process's stderr

# On x86 CPUs with AVX2 or AVX-512 but without VNNI, ONNX Runtime adds pairs of int8 products in 16
# bits, which saturate: the demo's int8 file is then at 17 dB. With "1" it computes the same bits as
# elsewhere (kOrtSessionOptionsAvx2PrecisionMode, onnxruntime_session_options_config_keys.h, 1.31).
EXACT_INT8 = ("session.x64quantprecision", "1")


def runner(path: Path, *, threads: int | None = None) -> Runner:
    """ONNX Runtime on the CPU, by default with one thread a core; raises ArtifactError."""
    ready = opened(path, threads=threads or os.cpu_count() or 1)
    return of_session(ready, path, RUNTIME)


def of_session(ready: onnxruntime.InferenceSession, path: Path, runtime: str) -> Runner:
    """A session of the file at `path` as a Runner."""
    names = [x.name for x in ready.get_outputs()]

    def run(image: Pixels) -> RawOutputs:
        try:
            return dict(zip(names, ready.run(names, {INPUT: planar(image)}), strict=True))
        except (ValueError, *reading.ERRORS) as error:
            raise reading.damaged(path, error) from error

    def bind(image: Pixels) -> Callable[[], object]:
        return partial(ready.run, names, {INPUT: planar(image)})

    return Runner(call=run, runtime=runtime, layout=_LAYOUT, bind=bind)


def opened(path: Path, *, threads: int, trace: Path | None = None) -> onnxruntime.InferenceSession:
    """A session for the file; ONNX Runtime's profiler writes to `trace`. Raises ArtifactError."""
    chosen = options()
    chosen.intra_op_num_threads = threads
    if trace is not None:
        chosen.enable_profiling, chosen.profile_file_prefix = True, str(trace)
    content = reading.content(path)
    try:
        return session(content, chosen)
    except reading.ERRORS as error:
        raise reading.damaged(path, error) from error


def options() -> onnxruntime.SessionOptions:
    """Options of a new session, which logs errors only, and computes int8 alike on every CPU."""
    made = onnxruntime.SessionOptions()
    made.log_severity_level = _ERRORS_ONLY
    made.add_session_config_entry(*EXACT_INT8)
    return made


def session(
    content: bytes, chosen: onnxruntime.SessionOptions | None = None
) -> onnxruntime.InferenceSession:
    """A session on the CPU for the bytes of a model; raises `reading.ERRORS`."""
    return onnxruntime.InferenceSession(
        content, chosen or options(), providers=["CPUExecutionProvider"]
    )
