"""Write the measured tables of README.md and docs/ from the JSON in benchmarks/results.

    python -m benchmarks.tables

A table stands between `<!-- measured: NAME -->` and `<!-- end -->`; TABLES has the names. One
that was measured with another table of graph forms than today's says so.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import provenance

ROOT = Path(__file__).parent.parent
PAGES = (
    "README.md",
    "docs/choosing-a-precision.md",
    "docs/lowering.md",
    "docs/memory-and-image-size.md",
)
FORMS_FILE = "slide_mobile/deploy/forms.json"
_BLOCK = re.compile(r"(<!-- measured: ([\w-]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def main() -> None:
    for page in PAGES:
        path = ROOT / page
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
    for file in sorted({file for file, _ in TABLES.values()} - {FORMS_FILE}):
        path = ROOT / file
        if not path.exists():
            print(f"{file}: not measured")
            continue
        age = provenance.age(json.loads(path.read_text(encoding="utf-8")))
        if age != "today's":
            print(f"{file}: the table of graph forms that it was measured with is {age}")


def filled(text: str) -> str:
    """A page with its measured blocks made anew; raises KeyError for a table that is none."""
    return _BLOCK.sub(lambda block: block[1] + table(block[2]) + block[3], text)


def table(name: str) -> str:
    """One measured table, nothing where it has not been measured."""
    file, write = TABLES[name]
    path = ROOT / file
    if not path.exists():
        return ""
    document = json.loads(path.read_text(encoding="utf-8"))
    return write(document) + (EARLIER if provenance.age(document) == "an earlier one" else "")


EARLIER = f"\nMeasured with an earlier table of graph forms (`{FORMS_FILE}`).\n"


def targets_tables(document: dict[str, Any]) -> str:
    """A table for each model."""
    models = dict.fromkeys(row["model"] for row in document["rows"])
    return "\n".join(targets_table(model, document["rows"]) for model in models)


def targets_table(model: str, measured: list[dict[str, Any]]) -> str:
    """One model in every target and precision that was measured."""
    rows = [r for r in measured if r["model"] == model]
    trained = rows[0].get("top1") is not None
    title = f"`{model}`, random weights"
    if trained:
        title = (
            f"`{model}`, on {rows[0]['samples']:,} held-out drawings "
            f"(PyTorch: top-1 {rows[0]['reference_top1']:.2%})"
        )
    seconds, ratios = (_processors(rows, key) for key in ("cpu", "latency_cpu"))
    title += f"; seconds are of {seconds}, ratios of {ratios}:"
    head = ["target", "precision", "SQNR"] + ["agreement", "top-1"] * trained
    head += ["size", "partitions", "ops inside / all", "rank", "int8 MACs", "convert", "/ stock"]
    lines = [title, "", _line(head), _line(["---"] * 2 + ["--:"] * (len(head) - 2))]
    return "\n".join([*lines, *(_line(_target_cells(r, trained)) for r in rows)]) + "\n"


def _processors(rows: list[dict[str, Any]], key: str) -> str:
    return " and ".join(dict.fromkeys(r[key] for r in rows if key in r)) or "none"


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


def _amx(where: dict[str, Any]) -> str:
    """Whether XNNPACK had the matrix instructions that no phone has (slide_mobile/machine.py)."""
    return "with AMX" if where["tiles"] else "without AMX"


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
        f"Latency at 224x224, XNNPACK {_amx(where)}, one thread, {where['cpu']}, medians of "
        f"{where['runs']} interleaved runs, random weights. "
        '"Published" is the reference graph through the same '
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


def families_table(document: dict[str, Any]) -> str:
    """Every family's Slide model against its parent."""
    where = document["environment"]
    title = (
        "Latency of a Slide model over its parent's at 224x224, LiteRT with XNNPACK, "
        f"{_amx(where)}, one thread, {where['cpu']}, medians of {where['runs']} interleaved runs, "
        "random weights:"
    )
    kinds = ["deploy / deploy", "deploy / published", "published / published"]
    lines = []
    for line in document["ratios"]:
        rows = {
            (r["model"], r["form"]): r
            for r in document["rows"]
            if (r["pair"], r["precision"]) == (line["pair"], line["precision"])
        }
        own = rows[line["ours"], "deploy"]
        measured = [""] * 3
        if "error" not in own:
            ms = f"{own['p50_ms']:.1f}" if own["valid"] else "invalid"
            measured = [ms, str(own["partitions"]), f"{own['sqnr_db']:.1f} dB"]
        lines.append(
            [
                f"`{line['ours']}` / `{line['parent']}`",
                f"`{line['precision']}`",
                *(_family_ratio(line, kind, rows) for kind in kinds),
                *measured,
            ]
        )
    head = ["", "precision", *kinds, "ours, ms", "partitions", "SQNR"]
    return _grid(title, head, 2, lines)


def _family_ratio(
    line: dict[str, Any], kind: str, rows: dict[tuple[str, str], dict[str, Any]]
) -> str:
    forms = zip((line["ours"], line["parent"]), kind.split(" / "), strict=True)
    if any("error" in rows[side] for side in forms):
        return "refused"
    return "invalid" if line[kind] is None else f"{line[kind]:.2f}"


def gates_table(document: dict[str, Any]) -> str:
    """The limits that were set beforehand, and what was measured."""
    where = document["environment"]
    title = (
        "What was promised of `slide_swin_tiny`, and what was measured, one thread, "
        f"{_amx(where)}, {where['cpu']}:"
    )
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
        f"Latency against image size, LiteRT with XNNPACK, {_amx(where)}, one thread, "
        f"{where['cpu']}, medians of {where['runs']} interleaved runs. The later stages' windows "
        "pad maps they do not divide:"
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


def attention_tables(document: dict[str, Any]) -> str:
    """Every form of one local attention, a table for each map."""
    where, rows = document["environment"], document["rows"]
    runtimes = list(dict.fromkeys((r["target"], r["precision"]) for r in rows))
    head = ["form", *(f"{target} `{precision}`" for target, precision in runtimes), "partitions"]
    tables = []
    for size in dict.fromkeys(r["map"] for r in rows):
        title = f"One attention on {size}, ms, {_amx(where)}, one thread, {where['cpu']}:"
        forms: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        for r in rows:
            if r["map"] == size:
                forms.setdefault(r["form"], {})[r["target"], r["precision"]] = r
        lines = []
        for name, found in forms.items():
            cells = [
                f"{found[key]['p50_ms']:.2f}" + ("" if found[key]["valid"] else " (noisy)")
                for key in runtimes
            ]
            counts = "/".join(str(found[key]["partitions"]) for key in runtimes)
            lines.append([name, *cells, counts])
        tables.append(_grid(title, head, 1, lines))
    return "\n".join(tables)


def forms_table(document: dict[str, Any]) -> str:
    """What the chooser measured, and what it chose."""
    where, rows = document["environment"], document["rows"]
    title = (
        "Stages of the demo, `slide_swin_tiny`, `slide_pvt_tiny` and `slide_nat_mini`, ms, "
        f"{_amx(where)}, one thread, {where['cpu']}, medians of {where['runs']} interleaved runs; "
        "chosen is the plain form unless another beats it:"
    )
    head = ["target", "precision", "map", "heads", "plain", "broadcast", "4 strips"]
    head += ["broadcast, 4 strips", "sum, broadcast", "sum, broadcast, 4 strips", "matrix"]
    lines = []
    for r in rows:
        size = r["shape"]
        ms = {_form_name(m["form"]): m["p50_ms"] for m in r["measured"]}
        chosen = _form_name(r["form"])
        cells = [
            "" if name not in ms else f"**{ms[name]:.2f}**" if name == chosen else f"{ms[name]:.2f}"
            for name in head[4:]
        ]
        shape = f"{r['attention']} {size['height']}x{size['width']}x{size['dim']}"
        lines.append([r["target"], f"`{r['precision']}`", shape, str(size["heads"]), *cells])
    return _grid(title, head, 3, lines)


def _form_name(form: dict[str, Any]) -> str:
    if form["tokens"] == "matrix":
        return "matrix"
    names = ["sum"] * (form["head_sum"] == "sum")
    names += ["broadcast"] * (form["head_broadcast"] == "broadcast")
    names += ["4 strips"] * (form["strips"] == 4)
    return ", ".join(names) or "plain"


def islands_table(document: dict[str, Any]) -> str:
    """What else could be in int8."""
    where, rows = document["environment"], document["rows"]
    title = (
        f"`{where['model']}` on LiteRT, {_amx(where)}, one thread, {where['cpu']}; in static int8:"
    )
    head = ["in int8", "ms", "/ dense", "SQNR", "partitions", "int8 MACs"]
    lines = [
        [
            r["int8"],
            f"{r['p50_ms']:.1f}" + ("" if r["valid"] else " (noisy)"),
            f"{r['to_dense']:.2f}",
            f"{r['sqnr_db']:.1f} dB",
            str(r["partitions"]),
            f"{r['int8_mac_fraction']:.0%}",
        ]
        for r in rows
    ]
    return _grid(title, head, 1, lines)


def sensitivity_table(document: dict[str, Any]) -> str:
    """The modules that cost the most in int8."""
    lines = []
    for model, together in document["together_db"].items():
        rows = [r for r in document["rows"] if r["model"] == model][:MOST_SENSITIVE]
        lines += [
            [
                f"`{model}`",
                f"`{r['module']}`",
                f"{r['sqnr_db']:.1f} dB",
                f"{r['macs_share']:.2%}",
                "int8" if r["in_int8"] else "float",
            ]
            for r in rows
        ]
        lines.append([f"`{model}`", "all in int8, added up", f"{together:.1f} dB", "", ""])
    title = "SQNR of the logits where one module alone is in int8; the most sensitive:"
    return _grid(
        title, ["model", "module", "SQNR", "of the multiply-adds", "in an int8 file"], 2, lines
    )


MOST_SENSITIVE = 8

TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "targets": ("benchmarks/results/targets.json", targets_tables),
    "runtimes": ("benchmarks/results/runtimes.json", runtimes_table),
    "whole": ("benchmarks/results/whole.json", whole_table),
    "gates": ("benchmarks/results/whole.json", gates_table),
    "gates-tiles": ("benchmarks/results/whole_tiles.json", gates_table),
    "families": ("benchmarks/results/families.json", families_table),
    "memory": ("benchmarks/results/memory.json", memory_table),
    "growth": ("benchmarks/results/growth.json", growth_table),
    "attention": ("benchmarks/results/attention.json", attention_tables),
    "islands": ("benchmarks/results/islands.json", islands_table),
    "sensitivity": ("benchmarks/results/sensitivity.json", sensitivity_table),
    "forms": (FORMS_FILE, forms_table),
}


if __name__ == "__main__":
    main()
