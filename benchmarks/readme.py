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
    """The README with its measured block made anew."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    document = json.loads((RESULTS / "targets.json").read_text(encoding="utf-8"))
    models = dict.fromkeys(row["model"] for row in document["rows"])
    tables = [*(targets_table(model, document["rows"]) for model in models), forms_table()]
    return before + BEGIN + "\n".join([*tables, runtimes_table()]) + END + after


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


def runtimes_table() -> str:
    """Each .tflite on older runtimes."""
    rows = json.loads((RESULTS / "runtimes.json").read_text(encoding="utf-8"))["rows"]
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


def forms_table() -> str:
    """The deploy form beside the published graph; ratios only, they are what carries over."""
    document = json.loads((RESULTS / "forms.json").read_text(encoding="utf-8"))
    where, rows = document["environment"], document["rows"]
    ms = {(r["model"], r["form"], r["precision"]): r["p50_ms"] for r in rows}
    lines = [
        f"Latency at 224x224, LiteRT with XNNPACK, {where['threads']} thread, {where['cpu']}, "
        f'medians of {where["runs"]} interleaved runs, random weights. "Published" is the '
        "reference graph through the same converter, quantised in the same operations:",
        "",
        "| model | form | precision | / published | / Swin-T published | / own fp32 | partitions "
        "| SQNR | size |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [_forms_row(r, ms) for r in rows]
    return "\n".join(lines) + "\n"


def _forms_row(r: dict[str, Any], ms: dict[tuple[str, str, str], float]) -> str:
    model, form, precision, own = r["model"], r["form"], r["precision"], r["p50_ms"]
    against = [
        ms[model, "published", precision],
        ms["swin_tiny", "published", precision],
        ms[model, form, "fp32"],
    ]
    ratios = [f"{own / other:.2f}" if r["valid"] else "invalid" for other in against]
    return (
        f"| {model} | {form} | {precision} | {' | '.join(ratios)} | {r['partitions']} "
        f"| {r['sqnr_db']:.1f} dB | {r['size_bytes'] / 1e6:.1f} MB |"
    )


if __name__ == "__main__":
    main()
