"""slide-mobile bench."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Column, Table

from slide_mobile.cli.session import Session, escape, verb
from slide_mobile.errors import SlideMobileError, UsageError

SHOWN = 12
DEPTH = 4  # of a module's path: layers.1.blocks.0

EXAMPLES = """
\b
Examples:
  slide-mobile bench artifacts/slide_swin_demo-tflite-*
  slide-mobile bench artifacts/slide_swin_demo-tflite-int8 --profile
  slide-mobile bench artifacts/* --json > bench.json
  slide-mobile bench artifacts/* --baseline bench.json --fail-over 5%
  slide-mobile bench --import pixel9.json --import iphone17.json
"""


@click.command(epilog=EXAMPLES)
@click.argument("artifacts", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--threads", type=int, default=1, show_default=True, help="Of a runtime that takes it."
)
@click.option("--min-runs", type=int, default=50, show_default=True)
@click.option("--min-seconds", type=float, default=3.0, show_default=True, help="Of each artifact.")
@click.option("--warm-up", type=int, default=5, show_default=True, help="Runs before, a process.")
@click.option("--profile", is_flag=True, help="Where the time goes, by PyTorch's module names.")
@click.option(
    "--import",
    "imports",
    type=click.Path(path_type=Path),
    multiple=True,
    help="What an app shared; may be given again.",
)
@click.option("--baseline", type=click.Path(path_type=Path), help="An earlier --json.")
@click.option("--fail-over", metavar="PERCENT", help="Slower than the baseline.  [default: 5%]")
@verb
def bench(
    session: Session,
    artifacts: tuple[Path, ...],
    threads: int,
    min_runs: int,
    min_seconds: float,
    warm_up: int,
    profile: bool,
    imports: tuple[Path, ...],
    baseline: Path | None,
    fail_over: str | None,
) -> int:
    """Time ARTIFACTS on the runtimes that run here, in turn, and say whether to believe it.

    Load time, first inference and peak memory are those of a fresh process for each artifact. A
    noisy run is marked invalid, with the reason, and is in no ratio. Core ML has no latency where
    there is no Core ML. --import puts what the phones measured beside it. Exit code 1: an artifact
    is damaged (the rest goes on), or slower than the baseline.
    """
    from slide_mobile.bench import baseline as baselines
    from slide_mobile.bench import documents

    if not artifacts and not imports:
        raise UsageError("nothing to do: give artifacts, or --import FILE.json")
    if fail_over is not None and baseline is None:
        raise UsageError("--fail-over needs a --baseline FILE to compare with")
    percent = baselines.percent(fail_over or baselines.FAIL_OVER)
    earlier = None if baseline is None else documents.read(baseline)
    imported, broken = _read(imports)
    if len(imports) == 1 and broken and not artifacts:
        raise broken[0]
    document, errors = _measured(
        session, artifacts, threads, min_runs, min_seconds, warm_up, profile
    )
    if len(artifacts) == 1 and errors and not imported:
        raise errors[0]
    if imported:
        document["imported"] = imported
    code = 1 if errors or broken else 0
    if earlier is not None and baseline is not None:
        try:
            found = baselines.compare(document, earlier, baseline, fail_over=percent)
        except SlideMobileError as foreign:  # what was measured, for minutes, is told all the same
            broken, code = (*broken, foreign), foreign.exit_code
        else:
            document["baseline"] = found
            code = code if found["passed"] else 1
    documents.require(document, "this measurement")
    for error in (*errors, *broken):
        session.warn(str(error))
    session.emit(document, lambda console: _print(console, document))
    return code


def _read(paths: Sequence[Path]) -> tuple[list[dict[str, Any]], tuple[SlideMobileError, ...]]:
    from slide_mobile.bench import documents

    found, errors = [], []
    for path in paths:
        try:
            found.append(documents.read(path))
        except SlideMobileError as error:
            errors.append(error)
    return found, tuple(errors)


def _measured(
    session: Session,
    artifacts: Sequence[Path],
    threads: int,
    runs: int,
    seconds: float,
    warmup: int,
    profile: bool,
) -> tuple[dict[str, Any], tuple[SlideMobileError, ...]]:
    from slide_mobile.bench import measure

    asked = measure.Asked(threads=threads, runs=runs, seconds=seconds, warmup=warmup)
    document, errors = measure.bench(artifacts, asked=asked, progress=session.progress)
    if profile and document["results"]:
        session.progress("profile")
        roots = [Path(result["artifact"]) for result in document["results"]]
        found = measure.profile(roots, threads=threads)
        for result, of in zip(document["results"], found, strict=True):
            result |= of
    return document, errors


def _print(console: Console, document: dict[str, Any]) -> None:
    from slide_mobile.bench.baseline import results

    rows = list(results(document))
    for number, (env, result) in enumerate(rows, 1):
        where = "" if env is document["environment"] else f", {env['device']}"
        used = result["accelerator_used"] or f"{result['accelerator_requested']} asked for"
        threads = "" if result["threads"] is None else f", {result['threads']} thread(s)"
        name = f"{result['artifact']}{where}: {result['runtime']}, {used}{threads}"
        console.print(f"[bold]{number}[/]  {escape(name)}")
    console.print(_table([result for _, result in rows]))
    for number, (_, result) in enumerate(rows, 1):
        for reason in result["why_invalid"]:
            console.print(f"  {number}  [bold red]invalid[/]  {escape(reason)}")
    _print_ratios(console, document)
    for number, (_, result) in enumerate(rows, 1):
        _print_profile(console, number, result)
    if "baseline" in document:
        _print_baseline(console, document["baseline"])


def _table(results: Sequence[Mapping[str, Any]]) -> Table:
    names = ("", "p50 ms", "p90", "p99", "first", "load", "peak MB", "runs", "parts", "delegated")
    table = Table(*(Column(n, justify="right") for n in names), "", box=box.SIMPLE, padding=(0, 1))
    for number, result in enumerate(results, 1):
        times = (result[f"{key}_ms"] for key in ("p50", "p90", "p99", "first", "load"))
        peak = result["peak_rss_bytes"]
        table.add_row(
            str(number),
            *("" if ms is None else f"{ms:.4g}" for ms in times),
            "" if peak is None else f"{peak / 1e6:.0f}",
            str(result["runs"]),
            str(result["partitions"]),
            f"{result['delegated_ops']}/{result['total_ops']}",
            "" if result["valid"] else "[red]invalid[/]",
        )
    return table


def _print_ratios(console: Console, document: Mapping[str, Any]) -> None:
    """The lower triangle, a line a pair."""
    ratios, intervals = document["ratios"], document["ratio_intervals"]
    timed = [i for i, result in enumerate(document["results"]) if result["p50_ms"] is not None]
    if len(timed) < 2:
        return
    console.print("ratios of p50, with 95 % of each")
    for i in timed:
        for j in (j for j in timed if j < i):
            ratio, interval = ratios[i][j], intervals[i][j]
            between = "" if interval is None else f" [{interval[0]:.3f}, {interval[1]:.3f}]"
            if ratio is not None:
                told = f"{ratio:.3f}{between}"
            elif interval is None:
                told = "[red]none[/]: one of them is invalid"
            else:
                told = (
                    f"[red]not sure[/]{escape(between)}: more --min-seconds, or a quieter machine"
                )
            console.print(f"  {i + 1} / {j + 1}  {told if ratio is None else escape(told)}")


def _print_profile(console: Console, number: int, result: Mapping[str, Any]) -> None:
    from slide_mobile.targets.profiles import OperationTime, grouped

    if result.get("why_no_operations"):
        console.print(f"  {number}  no profile: {escape(result['why_no_operations'])}")
    if not result.get("operations"):
        return
    times = [OperationTime(**row) for row in result["operations"]]
    total = sum(time.microseconds for time in times) or 1.0
    for title, sums in (
        ("module", grouped(times, depth=DEPTH)),
        ("operation", grouped(times)),
    ):
        right = (Column(name, justify="right") for name in ("count", "us", "share"))
        table = Table(title, *right, box=box.SIMPLE, padding=(0, 1))
        for row in sums[:SHOWN]:
            share = f"{row.microseconds / total:.1%}"
            table.add_row(escape(row.name), str(row.count), f"{row.microseconds:,.0f}", share)
        rest = sum(row.microseconds for row in sums[SHOWN:])
        if rest:
            left = str(sum(row.count for row in sums[SHOWN:]))
            table.add_row("(the rest)", left, f"{rest:,.0f}", f"{rest / total:.1%}")
        console.print(f"[bold]{number}[/]  where the time goes")
        console.print(table)


def _print_baseline(console: Console, found: Mapping[str, Any]) -> None:
    verdict = "[bold green]passed[/]" if found["passed"] else "[bold red]failed[/]"
    limit = f"{found['fail_over_percent']:g} % slower"
    console.print(f"{verdict}  beside {escape(found['file'])}, {limit} at most")
    for change in found["changes"]:
        told = change["why"] or (
            f"{change['baseline_ms']:.4g} -> {change['p50_ms']:.4g} ms "
            f"({change['change_percent']:+.1f} %)"
        )
        mark = "   " if change["passed"] else "[red]!![/] "
        console.print(f"  {mark}{escape(change['artifact'])}: {escape(told)}")
