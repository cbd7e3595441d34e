"""Load a .onnx file with ONNX Runtime's CPU provider."""

from pathlib import Path

import onnxruntime

from slide_mobile_converters.onnx import graph


def session(path: Path, *, threads: int, trace: Path | None = None) -> onnxruntime.InferenceSession:
    """Ready to run; `trace` is where ONNX Runtime's profiler writes. Raises ArtifactError."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of weights that no node reads any more
    options.intra_op_num_threads = threads
    if trace is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(trace)
    try:
        return onnxruntime.InferenceSession(
            graph.content(path), options, providers=["CPUExecutionProvider"]
        )
    except graph.ERRORS as error:
        raise graph.damaged(path, error) from error
