"""slide-mobile bench."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click
from msgspec import UNSET
from msgspec.structs import replace
from rich.console import Console
from rich.table import Column, Table

from slide_mobile.bench import BenchConfig, BenchDocument, in_turn, measure, statistics
from slide_mobile.bench.baseline import FAIL_OVER_PERCENT, Baseline, compare, percent
from slide_mobile.bench.change import BaselineComparison, Change
from slide_mobile.bench.comparison import Comparison
from slide_mobile.bench.config import MOST_RUNS, MOST_SECONDS, MOST_THREADS, USUAL
from slide_mobile.bench.result import Result
from slide_mobile.cli.printing import escape, new_table
from slide_mobile.cli.session import Session
from slide_mobile.cli.verb import verb
from slide_mobile.errors import UsageError
from slide_mobile.targets.profiles import OperationTime, grouped

SHOWN = 12  # rows of a profile; the rest is summed up
DEPTH = 4  # names of a module's path: layers.1.blocks.0

EXAMPLES = """
\b
Examples:
  slide-mobile bench artifacts/slide_swin_demo-tflite-*
  slide-mobile bench artifacts/slide_swin_demo-tflite-int8 --profile
  slide-mobile bench artifacts/* --json > bench.json
  slide-mobile bench artifacts/* --baseline bench.json --fail-over 5%
  slide-mobile bench new/slide_swin_demo-tflite-int8 \\
      --baseline old/slide_swin_demo-tflite-int8
  slide-mobile bench --import pixel9.json --import iphone17.json
"""

FILE = click.Path(path_type=Path)
SECONDS = click.FloatRange(0, MOST_SECONDS)
MIN_RUNS = click.IntRange(statistics.MIN_RUNS, MOST_RUNS)
THREADS, WARM_UP = click.IntRange(1, MOST_THREADS), click.IntRange(1, MOST_RUNS)


@click.command(epilog=EXAMPLES)
@click.argument("artifacts", nargs=-1, type=FILE)
@click.option("--threads", type=THREADS, default=USUAL.threads, show_default=True,
              help="Number of threads; Core ML chooses by itself.")  # fmt: skip
@click.option("--min-runs", type=MIN_RUNS, default=USUAL.min_runs, show_default=True,
              help="Minimum number of runs of each artifact.")  # fmt: skip
@click.option("--min-seconds", type=SECONDS, default=USUAL.min_seconds, show_default=True,
              help="Minimum time for each artifact, in seconds.")  # fmt: skip
@click.option("--max-seconds", type=SECONDS, default=USUAL.max_seconds, show_default=True,
              help="Time after which measuring stops though a ratio is uncertain.")  # fmt: skip
@click.option("--warm-up", type=WARM_UP, default=USUAL.warm_up, show_default=True,
              help="Number of untimed runs at the start of each process.")  # fmt: skip
@click.option("--profile", is_flag=True, help="Show where the time goes, by PyTorch module.")
@click.option("--import", "imports", type=FILE, multiple=True,
              help="Add the measurements in a file from an app or a page, or in a folder of them; "
              "can be repeated.")  # fmt: skip
@click.option("--baseline", type=FILE,
              help="Compare with an artifact, in turn, or with an earlier result of "
              "`bench --json`.")  # fmt: skip
@click.option("--fail-over", metavar="PERCENT",
              help="Fail if an artifact is slower than the baseline by more than this percentage, "
              "0 to 999.  "
              f"[default: {FAIL_OVER_PERCENT:g}%]")  # fmt: skip
@verb
def bench(
    session: Session,
    artifacts: tuple[Path, ...],
    threads: int,
    min_runs: int,
    min_seconds: float,
    max_seconds: float,
    warm_up: int,
    profile: bool,
    imports: tuple[Path, ...],
    baseline: Path | None,
    fail_over: str | None,
) -> int:
    """Measure the latency of ARTIFACTS on this machine, and say whether to trust it.

    The artifacts run in turns, in several processes. Load time, first inference and peak memory
    come from a fresh process for each artifact. A noisy latency is marked invalid, with the reason.
    A ratio of two is printed if it is certain, however noisy the latencies are. Core ML packages
    can be timed only on a Mac. --import adds what phones and browsers
    measured.

    Exit code 1 means that an artifact is damaged (the others are still measured), or that one is
    slower than the baseline allows.
    """
    config = BenchConfig(
        threads=threads,
        min_runs=min_runs,
        min_seconds=min_seconds,
        max_seconds=max_seconds,
        warm_up=warm_up,
        profile=profile,
        imports=imports,
    )
    judge = _judge(baseline, fail_over)
    roots = artifacts
    if baseline is not None and baseline.is_dir() and baseline not in artifacts:
        roots = (*artifacts, baseline)
    document = measure(roots, config=config, progress=session.progress)
    if judge is not None:
        try:
            document = replace(document, baseline=judge(document))
        except UsageError as error:  # minutes of measuring are not lost because of it
            _show(session, document, str(error))
            return error.exit_code
    _show(session, document)
    return 0 if document.passed else 1


def _judge(
    baseline: Path | None, fail_over: str | None
) -> Callable[[BenchDocument], BaselineComparison] | None:
    """What compares a document with the baseline, if one was given."""
    if baseline is None:
        if fail_over is not None:
            raise UsageError("--fail-over needs a --baseline to compare with")
        return None
    limit = FAIL_OVER_PERCENT if fail_over is None else percent(fail_over)
    if baseline.is_dir():
        return partial(in_turn.compare, root=baseline, fail_over_percent=limit)
    return partial(compare, baseline=Baseline.read(baseline, fail_over_percent=limit))


def _show(session: Session, document: BenchDocument, *errors: str) -> None:
    """Print failures to stderr, and the document to stdout."""
    for line in (*(failure.error for failure in document.failed), *errors):
        session.warn(line)
    session.emit(document, lambda console: _print(console, document))


def _print(console: Console, document: BenchDocument) -> None:
    """Print the document for a person."""
    rows = list(document.measurements())
    for number, (env, result) in enumerate(rows, 1):
        where = "" if env is document.environment else f", {env.device}"
        used = result.accelerator_used or f"{result.accelerator_requested} requested"
        threads = (
            ""
            if result.threads is None
            else f", {result.threads} thread{'' if result.threads == 1 else 's'}"
        )
        arithmetic = f" {result.accelerator_precision}" if result.accelerator_precision else ""
        name = f"{result.artifact}{where}: {result.runtime}, {used}{arithmetic}{threads}"
        console.print(f"[bold]{number}[/]  {escape(name)}")
    results = [result for _, result in rows]
    if results:
        console.print(_table(results))
    for number, result in enumerate(results, 1):
        for reason in result.why_invalid:
            console.print(f"  {number}  [bold red]invalid[/]  {escape(reason)}")
        if ends := result.endurance:
            found = "throttled" if ends.throttled else "steady"
            console.print(
                f"  {number}  sustained: {found}, {ends.first_ms:.4g} ms in the first ten seconds, "
                f"{ends.last_ms:.4g} ms in the last"
            )
    _print_ratios(console, document)
    for number, result in enumerate(results, 1):
        _print_profile(console, number, result)
    if document.baseline:
        _print_baseline(console, document.baseline)


def _table(results: Sequence[Result]) -> Table:
    """Latencies, memory and delegation, one row per result."""
    names = ("", "p50 ms", "p90", "p99", "first", "load", "peak MB", "runs", "parts", "delegated")
    table = new_table(*(Column(name, justify="right") for name in names))
    for number, result in enumerate(results, 1):
        times = (result.p50_ms, result.p90_ms, result.p99_ms, result.first_ms, result.load_ms)
        peak = result.peak_rss_bytes
        table.add_row(
            str(number),
            *("" if ms is None else f"{ms:.4g}" for ms in times),
            "" if peak is None else f"{peak / 1e6:.0f}",
            str(result.runs),
            str(result.partitions),
            f"{result.delegated_ops}/{result.total_ops}",
        )
    return table


def _print_ratios(console: Console, document: BenchDocument) -> None:
    """Print the lower triangle, one line per pair."""
    timed = [i for i, result in enumerate(document.results) if result.p50_ms is not None]
    if len(timed) < 2:
        return
    console.print("ratios, with 95 % confidence intervals")
    pairs = document.pairs()
    for i in timed:
        for j in (j for j in timed if j < i):
            text = _ratio(document.ratios[i][j], pairs.get(frozenset((i, j))))
            console.print(f"  {i + 1} / {j + 1}  {text}")


def _ratio(ratio: float | None, pair: Comparison | None) -> str:
    """One ratio with its interval, or why there is none."""
    if pair is None:
        return "[red]no answer[/]" if ratio is None else f"{ratio:.3f}"
    if ratio is None:
        return f"[red]no answer[/]: {escape('; '.join(pair.why_invalid))}"
    low, high = pair.clock.interval
    cpu = "" if pair.cpu is None else f", {pair.cpu.ratio:.3f} in CPU time"
    return f"{ratio:.3f}{escape(f' [{low:.3f}, {high:.3f}]')}{cpu}"


def _print_profile(console: Console, number: int, result: Result) -> None:
    """Print where the time goes, by module and by operation."""
    if result.why_no_operations:
        console.print(f"  {number}  no profile: {escape(result.why_no_operations)}")
    times = [
        OperationTime(name=one.name, module=one.module, microseconds=one.microseconds)
        for one in result.operations or ()
    ]
    if times:
        console.print(f"[bold]{number}[/]  where the time goes")
        console.print(_times("module", grouped(times, depth=DEPTH)))
        console.print(_times("operation", grouped(times)))


def _times(title: str, sums: Sequence[OperationTime]) -> Table:
    """The longest times, and the sum of the rest."""
    total = sum(row.microseconds for row in sums) or 1.0
    right = (Column(name, justify="right") for name in ("count", "us", "share"))
    table = new_table(title, *right)
    for row in sums[:SHOWN]:
        share = f"{row.microseconds / total:.1%}"
        table.add_row(escape(row.name), str(row.count), f"{row.microseconds:,.0f}", share)
    if rest := sum(row.microseconds for row in sums[SHOWN:]):
        count = str(sum(row.count for row in sums[SHOWN:]))
        table.add_row("(the rest)", count, f"{rest:,.0f}", f"{rest / total:.1%}")
    return table


def _print_baseline(console: Console, comparison: BaselineComparison) -> None:
    """Print the verdict of the comparison, and each change."""
    verdict = "[bold green]passed[/]" if comparison.passed else "[bold red]failed[/]"
    limit = f"at most {comparison.fail_over_percent:g} % slower"
    console.print(f"{verdict}  compared with {escape(comparison.file)}, {limit}")
    for change in comparison.changes:
        mark = "   " if change.passed else "[red]!![/] "
        console.print(f"  {mark}{escape(change.artifact)}: {escape(_change(change))}")


def _change(change: Change) -> str:
    """One change in words."""
    if change.why is not None:
        return change.why
    if change.ratio is not UNSET:
        return f"{change.ratio:.3f} of the baseline's latency ({change.change_percent:+.1f} %)"
    return f"{change.baseline_ms:.4g} -> {change.p50_ms:.4g} ms ({change.change_percent:+.1f} %)"
