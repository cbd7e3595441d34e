"""Write the measured tables of the README from the JSON in benchmarks/results.

python -m benchmarks.readme
"""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def main() -> None:
    path = ROOT / "README.md"
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")


def filled(text: str) -> str:
    """The README with its measured block made anew, of those results that are there."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    tables = [
        table(json.loads(path.read_text(encoding="utf-8")))
        for name, table in TABLES
        if (path := RESULTS / f"{name}.json").exists()
    ]
    return before + BEGIN + "\n".join(tables) + END + after


def targets_tables(document: dict[str, Any]) -> str:
    """A table for each model."""
    models = dict.fromkeys(row["model"] for row in document["rows"])
    return "\n".join(targets_table(model, document["rows"]) for model in models)


def targets_table(model: str, measured: list[dict[str, Any]]) -> str:
    """One model in every target and precision that was measured."""
    rows = [r for r in measured if r["model"] == model]
    trained = rows[0].get("top1") is not None
    title = f"`{model}`, random weights:"
    if trained:
        title = (
            f"`{model}`, on {rows[0]['samples']:,} held-out drawings "
            f"(PyTorch: top-1 {rows[0]['reference_top1']:.2%}):"
        )
    head = ["target", "precision", "SQNR"] + ["agreement", "top-1"] * trained
    head += ["size", "partitions", "ops inside / all", "rank", "int8 MACs", "convert", "/ stock"]
    lines = [title, "", _line(head), _line(["---"] * 2 + ["--:"] * (len(head) - 2))]
    return "\n".join([*lines, *(_line(_target_cells(r, trained)) for r in rows)]) + "\n"


def _target_cells(r: dict[str, Any], trained: bool) -> list[str]:
    target = (
        r["target"]
        if r["backend"] in {"xnnpack", "mlprogram", "cpu"}
        else (f"{r['target']}, {r['backend']}")
    )
    name = [target, f"`{r['precision']}`"]
    if "error" in r:
        return [*name, "refused", *[""] * (2 * trained), *[""] * 7]
    ratio = "" if "to_stock_fp32" not in r else f"{r['to_stock_fp32']:.2f}"
    return [
        *name,
        f"{r['sqnr_db']:.1f} dB",
        *([f"{r['top1_agreement']:.2%}", f"{r['top1']:.2%}"] if trained else []),
        f"{r['size_bytes'] / 1e6:.2f} MB",
        str(r["partitions"]),
        f"{r['delegated_ops']} / {r['total_ops']}",
        str(r["max_rank"]),
        f"{r['int8_mac_fraction']:.0%}",
        f"{r['seconds']:.0f} s",
        ratio if r.get("valid", True) else "invalid",
    ]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def runtimes_table(document: dict[str, Any]) -> str:
    """Each .tflite on older runtimes."""
    rows = document["rows"]
    releases = list(dict.fromkeys(r["release"] for r in rows))
    lines = [
        ".tflite files on older runtimes, golden images, SQNR against PyTorch:",
        "",
        _line(["model", "precision", *(f"TFLite {release}" for release in releases)]),
        _line(["---"] * 2 + ["--:"] * len(releases)),
    ]
    files: dict[tuple[str, str, str], dict[str, str]] = {}
    for r in rows:
        files.setdefault((r["model"], r["precision"], r["via"]), {})[r["release"]] = _outcome(r)
    for (model, precision, via), found in files.items():
        name = f"`{precision}`" + (" via onnx" if via == "onnx" else "")
        lines.append(_line([model, name, *(found[release] for release in releases)]))
    return "\n".join(lines) + "\n"


def _outcome(r: dict[str, Any]) -> str:
    if r["sqnr_db"] is None:
        return "refused"
    return f"{r['sqnr_db']:.1f} dB" + ("" if r["works"] else ", wrong")


def whole_table(document: dict[str, Any]) -> str:
    """Whole models beside each other; ratios are what carries over to another machine."""
    where, rows = document["environment"], document["rows"]
    measured = {_cell(r, r["threads"]): r for r in rows if "error" not in r}
    title = (
        f"Latency at 224x224 with XNNPACK, one thread, {where['cpu']}, medians of {where['runs']} "
        'interleaved runs, random weights. "Published" is the reference graph through the same '
        "converter, quantised in the same operations; the floor is the deploy form without the "
        "core of its local attention and without norms, and computes something else:"
    )
    head = ["target", "model", "form", "precision", "ms", "/ published", "/ Swin-T published"]
    head += ["the same, 2 threads", "/ own fp32", "partitions", "ops inside / all", "SQNR", "size"]
    lines = []
    for r in rows:
        name = [r["target"], r["model"], r["form"], f"`{r['precision']}`"]
        if "error" in r:
            lines.append([*name, "refused", *[""] * 8])
        elif r["threads"] == 1:
            swin = {**r, "model": "swin_tiny", "form": "published"}
            own = {**r, "precision": "fp32"}
            against = [(r | {"form": "published"}, 1), (swin, 1), (swin, 2), (own, 1)]
            ratios = [_ratio(measured, r, other, threads) for other, threads in against]
            ms = f"{r['p50_ms']:.1f}" if r["valid"] else "invalid"
            db = "" if r["sqnr_db"] is None else f"{r['sqnr_db']:.1f} dB"
            inside, size = f"{r['delegated_ops']} / {r['total_ops']}", r["size_bytes"] / 1e6
            graph = [str(r["partitions"]), inside, db, f"{size:.1f} MB"]
            lines.append([*name, ms, *ratios, *graph])
    return _grid(title, head, 4, lines)


def _cell(r: dict[str, Any], threads: int | None) -> tuple[Any, ...]:
    return (r["target"], r["model"], r["form"], r["precision"], threads)


def _ratio(
    measured: dict[tuple[Any, ...], dict[str, Any]],
    of: dict[str, Any],
    over: dict[str, Any],
    threads: int,
) -> str:
    """The quotient of two latencies, nothing where one of them was not measured."""
    own, other = measured.get(_cell(of, threads)), measured.get(_cell(over, threads))
    if own is None or other is None:
        return ""
    valid = own["valid"] and other["valid"]
    return f"{own['p50_ms'] / other['p50_ms']:.2f}" if valid else "invalid"


def gates_table(document: dict[str, Any]) -> str:
    """The limits that were set beforehand, and what was measured."""
    title = "What was promised of `slide_swin_tiny`, one thread, and what was measured:"
    words = {"goal": "goal met", "gate": "gate met", "missed": "missed", "invalid": "invalid"}
    lines = []
    for g in document["gates"]:
        limits = [f"{g[key]:g}" for key in ("measured", "gate", "goal")]
        lines.append([g["target"], g["name"], *limits, words[g["verdict"]]])
    return _grid(title, ["target", "", "measured", "gate", "goal", "verdict"], 2, lines)


def memory_table(document: dict[str, Any]) -> str:
    """Working memory beside the published graph's."""
    title = (
        "Working memory, weights not counted. Arena: what LiteRT plans for a `.tflite` without "
        "delegates. Touched: what an inference with XNNPACK on one thread writes to:"
    )
    head = ["target", "model", "form", "precision", "arena", "/ published", "touched"]
    lines = []
    for r in document["rows"]:
        cells = [r["target"], r["model"], r["form"], f"`{r['precision']}`"]
        for measure in ("arena", "touched"):
            size, ratio = r.get(f"{measure}_bytes"), r.get(f"{measure}_to_published")
            cells.append("" if size is None else f"{size / 1e6:.1f} MB")
            cells.append("" if ratio is None else f"{ratio:.2f}")
        lines.append(cells)
    return _grid(title, [*head, "/ published"], 4, lines)


def growth_table(document: dict[str, Any]) -> str:
    """Latency against the size of the image."""
    where, rows = document["environment"], document["rows"]
    title = (
        f"Latency against image size, LiteRT with XNNPACK, one thread, {where['cpu']}, medians of "
        f"{where['runs']} interleaved runs. The later stages' windows pad maps they do not divide:"
    )
    ratios = sorted({key for row in rows for key in row if key.startswith("to_")})
    head = ["model", "form", "precision", "size", "ms", "ms a pixel / smallest"]
    head += [key.replace("to_", "/ ", 1).replace("_", " ") for key in ratios]
    lines = []
    for r in rows:
        side = "x".join(map(str, r["size"]))
        name = [r["model"], r["form"], f"`{r['precision']}`", side]
        if "error" in r:
            lines.append([*name, "refused", *[""] * (1 + len(ratios))])
            continue
        shares = [f"{r[key]:.2f}" if key in r else "" for key in ("a_pixel_to_first", *ratios)]
        lines.append([*name, f"{r['p50_ms']:.1f}" if r["valid"] else "invalid", *shares])
    return _grid(title, head, 4, lines)


def _grid(title: str, head: list[str], texts: int, rows: list[list[str]]) -> str:
    """A table whose first `texts` columns are aligned left."""
    rule = ["---"] * texts + ["--:"] * (len(head) - texts)
    return "\n".join([title, "", _line(head), _line(rule), *map(_line, rows)]) + "\n"


TABLES = (
    ("targets", targets_tables),
    ("whole", whole_table),
    ("whole", gates_table),
    ("memory", memory_table),
    ("growth", growth_table),
    ("runtimes", runtimes_table),
)


if __name__ == "__main__":
    main()
