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
    return before + BEGIN + demo_table() + "\n" + forms_table() + END + after


def demo_table() -> str:
    """The demo model in every precision."""
    rows = json.loads((RESULTS / "demo.json").read_text(encoding="utf-8"))["rows"]
    lines = [
        f"The demo model, on {rows[0]['images']:,} held-out drawings "
        f"(PyTorch: top-1 {rows[0]['reference_top1']:.2%}):",
        "",
        "| precision | SQNR | agreement | top-1 | size | int8 multiply-adds | oldest TFLite |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| `{r['precision']}` | {r['sqnr_db']:.1f} dB | {r['top1_agreement']:.2%} "
        f"| {r['top1']:.2%} | {r['size_bytes'] / 1e6:.2f} MB | {r['int8_mac_fraction']:.0%} "
        f"| {r['min_runtime']} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


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
