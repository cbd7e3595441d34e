"""Two judges of fp16 on Apple's hardware, beside each other, as a whole and module by module.

    python -m benchmarks.judges [--models M ...] [--artifacts DIR]
        [--out benchmarks/results/judges.json]

Converts the demo and one model of each family to Core ML and to Core AI in fp16. mil_evaluator
evaluates the Core ML package, which is an interpreter of ours; Apple's own CPU runtime runs the
Core AI asset. Both get the same deploy form and the same images, and both are held to PyTorch.
"""

import tempfile
from pathlib import Path

import slide_mobile
from benchmarks.lib import provenance
from benchmarks.lib.arguments import parser
from benchmarks.lib.artifacts import converted
from benchmarks.lib.results import judges as results
from benchmarks.lib.results.document import environment, save
from benchmarks.lib.results.judges import Judged, Judgement
from slide_mobile.parity.source import DEMO
from slide_mobile.targets.format import Format

FAMILIES = ("swin", "pvt", "pvt_v2", "cswin", "nat")
MODELS = (DEMO, *(f"slide_{family}_test" for family in FAMILIES))


def main() -> None:
    """Convert, judge, and save each model's row as soon as it is there."""
    arguments = parser(__doc__, out="judges.json")
    arguments.add_argument("--models", nargs="+", default=MODELS)
    arguments.add_argument(
        "--artifacts",
        type=Path,
        help="keep and reuse artifacts in this folder (empty it after changing a converter)",
    )
    options = arguments.parse_args()
    rows: list[Judged] = []
    with tempfile.TemporaryDirectory() as scratch:
        kept = (options.artifacts or Path(scratch)) / provenance.digest()[:12]
        for model in options.models:
            coreml, coreai = (judgement(model, target, kept) for target in ("coreml", "coreai"))
            rows.append(Judged(model=model, coreml=coreml, coreai=coreai))
            result = results.Judges(environment=environment(("coreml", "coreai")), rows=tuple(rows))
            save(options.out, result)
            print(model, coreml.sqnr_db, coreai.sqnr_db, flush=True)
    print(results.table(result))


def judgement(model: str, target: str, folder: Path) -> Judgement:
    """What a target's judge finds of a model in fp16."""
    artifact = converted(model, Format(target, "fp16"), folder)
    found = slide_mobile.check(artifact.root)
    return Judgement(
        runtime=found.runtime,
        sqnr_db=found.parity.sqnr_db,
        size_bytes=artifact.manifest.size_bytes,
        modules={row.module: row.own_db for row in found.modules},
    )


if __name__ == "__main__":
    main()
