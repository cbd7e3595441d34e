"""Run an fp16 .pte in fp16, which is what its own runtime does.

Every tensor of the file is fp16, and a delegate stores each result as its tensor says: XNNPACK has
fp16 kernels for x86-64 with AVX2 and F16C (src/configs/gemm-config.c, "f16_f32acc", avx2) as it has
for Armv8.2, Core ML's delegate is evaluated by mil_evaluator, and portable kernels store halves.
Sums inside a product are in fp32 on x86-64. A CPU without F16C cannot load the file.
"""

from pathlib import Path

from slide_mobile.targets.converter import Runner
from slide_mobile_converters.executorch import running


def half_runner(path: Path) -> Runner:
    """The runner of the file; raises ArtifactError."""
    return running.runner(path)
