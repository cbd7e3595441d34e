"""How many instructions an inference of small models takes on a core of a phone.

    slide-mobile lab setup cost
    python -m benchmarks.arm64_counts [--out benchmarks/results/arm64_counts.json]

Counted under QEMU, so that it is the same on every machine and at every load: tests hold new counts
against the committed ones. It shows when a change makes a file slower, not how fast the file is.
"""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.lib import measuring, provenance
from benchmarks.lib.arguments import parser
from benchmarks.lib.building import build, drawings
from benchmarks.lib.results import arm64_counts as results
from benchmarks.lib.results.arm64_counts import Counted, Counts
from benchmarks.lib.results.document import environment, save
from benchmarks.lib.results.files import Candidate
from slide_mobile.demo.render import GOLDEN_SEED
from slide_mobile.lab.cost import cores, emulation, estimate
from slide_mobile.lab.cost.parts import COUNTING
from slide_mobile.parity.source import DEMO
from slide_mobile.targets import registry
from slide_mobile.targets.profiles import ProfiledElsewhere

MODELS = (DEMO, "slide_swin_test")
CORE = cores.CORES["a76"]
TARGET = "tflite"


def main() -> None:
    """Count, save, and print."""
    options = parser(__doc__, out="arm64_counts.json").parse_args()
    estimate.require_ready(COUNTING)
    with tempfile.TemporaryDirectory() as folder:
        counts = Counts(
            core=CORE.title,
            executed_by=emulation.executor(),
            toolchain=environment([TARGET]).toolchain,
            forms_sha256=provenance.digest(),
            rows=tuple(counted(candidate, Path(folder)) for candidate in candidates()),
        )
    save(options.out, counts)
    print(results.table(counts))


def candidates() -> list[Candidate]:
    """The deploy forms to count."""
    found = measuring.candidates(MODELS, [TARGET])
    return [candidate for candidate in found if candidate.form == "deploy"]


def counted(candidate: Candidate, folder: Path) -> Counted:
    """Build a file with random weights, which change no count, and count one inference.

    Raises WorkerFailed.
    """
    path = candidate.path(folder)
    if not path.exists():
        build(candidate, path)
    (image,) = drawings(GOLDEN_SEED, 1, candidate.size).astype(np.float32)
    converter = registry.load(TARGET)
    assert isinstance(converter, ProfiledElsewhere)
    kinds: Counter[str] = Counter()
    for operation in emulation.on_phone(CORE, (), converter.PROFILER, path, image):
        kinds[operation.name] += operation.instructions
    return Counted(
        model=candidate.model,
        precision=candidate.precision,
        instructions=kinds.total(),
        kinds=dict(sorted(kinds.items())),
    )


if __name__ == "__main__":
    main()
