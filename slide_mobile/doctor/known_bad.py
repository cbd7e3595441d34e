"""Formats and runtimes that are known to give bad results together.

Each combination was met in this project, or names its source.
"""

from collections.abc import Iterable

from msgspec import Struct


class KnownBad(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A combination that can be asked for and gives a bad result; it concerns `targets`."""

    targets: tuple[str, ...]
    combination: str
    consequence: str
    instead: str


KNOWN_BAD = (
    KnownBad(
        targets=("tflite",),
        combination="--precision fp16 on TFLite 2.19.1",
        consequence="wrong results without an error (2.14, 2.17, 2.18 and LiteRT 2.2 are right)",
        instead="ship LiteRT with the app, or use int8 or fp32",
    ),
    KnownBad(
        targets=("tflite",),
        combination="--precision int8-dynamic on TFLite 2.14",
        consequence="an error or wrong results, because its kernels lack per-channel weights",
        instead="int8 or int8-weights, or ship LiteRT with the app",
    ),
    KnownBad(
        targets=("tflite",),
        combination="int8-dynamic or int8-weights on the GPU delegate",
        consequence="LiteRT 2.2's GPU accelerator refuses the file",
        instead="fp32 or fp16 for the GPU, int8 for the CPU",
    ),
    KnownBad(
        targets=("tflite",),
        combination="--via onnx with --task features",
        consequence="refused, because this exporter converts only classifiers",
        instead="leave --via out",
    ),
    KnownBad(
        targets=("executorch",),
        combination="--precision fp16 on XNNPACK, for size",
        consequence="convolution weights stay in fp32, so slide_swin_tiny is no smaller",
        instead="int8 or int8-dynamic, or --backend coreml for an iPhone",
    ),
    KnownBad(
        targets=("executorch",),
        combination="ExecuTorch's Vulkan backend",
        consequence="3 delegates with 16 operations outside, and nothing here can run the file",
        instead="--backend xnnpack",
    ),
    KnownBad(
        targets=("coreml",),
        combination="--precision int8 before A17 Pro and M4",
        consequence="slower than fp16: older Neural Engines do not compute in int8 (Apple's "
        "coremltools guide, opt-quantization-perf)",
        instead="fp16 for speed, int8-weights or palette6 for size",
    ),
    KnownBad(
        targets=("coreai",),
        combination="--precision fp16 on the Neural Engine of iPhone 17 Pro, iOS 27.0",
        consequence="can give wrong results without an error; CPU and GPU are right "
        "(apple/coreai-torch#115)",
        instead="compare the golden images on the device, default placement against cpuOnly",
    ),
    KnownBad(
        targets=("onnx",),
        combination="--precision fp16 on ONNX Runtime's CPU provider",
        consequence="computes in fp32 between casts, so the file is smaller but not faster",
        instead="fp32 or int8 on a CPU",
    ),
)


def concerning(targets: Iterable[str]) -> tuple[KnownBad, ...]:
    """The known bad combinations that concern any of these targets."""
    wanted = set(targets)
    return tuple(row for row in KNOWN_BAD if wanted & set(row.targets))
