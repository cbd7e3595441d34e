"""Run the whole suite: `python tests/fuzz --cases 3200 --seed 0`; exit code 1 if a case fails."""

import argparse
import sys
import time
from pathlib import Path

FUZZ = Path(__file__).parent
sys.path[:0] = [str(FUZZ.parents[1]), str(FUZZ.parents[1] / "converters"), str(FUZZ.parent)]

import suite  # noqa: E402
from converted_once import ConvertedOnce  # noqa: E402
from corpus import corpus  # noqa: E402
from running import Runner, empty, summary  # noqa: E402


def main() -> int:
    """Generate, run, and print a line for each kind."""
    asked = _arguments()
    folder = Path(asked.folder).resolve()
    made = corpus(ConvertedOnce(folder / "converted"))
    cases = suite.generated(made, cases=asked.cases, first_seed=asked.seed, only=asked.kind)
    if asked.case is not None:
        cases = [cases[asked.case]]
    print(f"seed {asked.seed}, {len(cases)} cases", flush=True)
    began = time.monotonic()
    runner = Runner(empty(folder / "boxes"), workers=asked.workers)
    tallies = runner.run_all(
        cases,
        plain=suite.plain(made),
        said=lambda line: print(f"FAILED {line}", flush=True),
        each=(lambda line: print(line, flush=True)) if asked.verbose else lambda line: None,
    )
    runner.close()
    print(summary(tallies))
    print(f"{time.monotonic() - began:.0f} s; a failure again: --seed {asked.seed} "
          f"--cases {asked.cases} --kind '{asked.kind}' --case NUMBER")  # fmt: skip
    return int(any(tally.failures for tally in tallies.values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Hostile input for every command.")
    parser.add_argument("--cases", type=int, default=3200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", default="", help="only kinds that begin so, with commas between")
    parser.add_argument("--case", type=int, help="only the case with this number")
    parser.add_argument("--verbose", action="store_true", help="show each case")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", default=str(FUZZ.parents[1] / "build" / "fuzz"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
