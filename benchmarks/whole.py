"""Whole models side by side on LiteRT and ExecuTorch, both with XNNPACK, and the gates they meet.

    python -m benchmarks.whole [--models M ...] [--targets T ...] [--threads 1 2] [--runs 30]
        [--files DIR] [--amx] [--out benchmarks/results/whole.json]

"published" is the reference graph as it is, on raw pixels; "deploy" is what `convert` ships;
"floor" is that without attention core and norms. Random weights: SQNR is against the same weights
in PyTorch, on the same pixels. All files of a target are timed in turn in one process, medians; a
spread (p90 over median) above 10 % is marked invalid. Only the ratios carry over to another
machine, and not all of them. XNNPACK gets no AMX, which phones have not, unless --amx is given.
"""

from benchmarks.lib.arguments import add_files, parser
from benchmarks.lib.gates import judged
from benchmarks.lib.measuring import MODELS, TARGETS, built_and_timed, candidates
from benchmarks.lib.results import whole
from benchmarks.lib.results.document import environment, save
from slide_mobile.bench import amx


def main() -> None:
    """Build, time, judge and save."""
    arguments = parser(__doc__, out="whole.json", runs=30)
    arguments.add_argument(
        "--models", nargs="+", default=MODELS, help="models to time; the first is ours"
    )
    arguments.add_argument("--targets", nargs="+", default=TARGETS)
    arguments.add_argument("--threads", nargs="+", type=int, default=(1, 2))
    arguments.add_argument("--amx", action="store_true", help="use AMX, if the processor has it")
    add_files(arguments)
    options = arguments.parse_args()
    if not options.amx:
        amx.renounce()
    wanted = candidates(options.models, options.targets)
    rows, refused = built_and_timed(
        wanted, options.files, threads=options.threads, runs=options.runs
    )
    result = whole.Whole(
        environment=environment(options.targets, runs=options.runs),
        gates=judged(rows, ours=options.models[0]),
        rows=rows,
        refused=refused,
    )
    save(options.out, result)
    print(whole.table(result), whole.gates(result), sep="\n")
    for file in refused:
        print(f"{file.name}: {file.error}")


if __name__ == "__main__":
    main()
