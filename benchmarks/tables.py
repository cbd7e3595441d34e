"""Write the measured tables of README.md and docs/, and the picture in README.md, from the results.

    python -m benchmarks.tables

Reads benchmarks/results and fills each block between `<!-- measured: NAME -->` and `<!-- end -->`
on any page. Says which results were not measured with today's table of graph forms.
"""

import argparse
from collections.abc import Callable
from typing import Any

from benchmarks.lib import cost_picture, curve_picture, picture
from benchmarks.lib.pages import ROOT, TABLES, filled, pages
from benchmarks.lib.results.document import read

# The file of each picture, the table that it belongs to, and what draws it.
PICTURES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    (picture.FILE, "whole", picture.latency),
    (cost_picture.FILE, "cost-validation", cost_picture.scatter),
    (curve_picture.FILE, "curve", curve_picture.curve),
)


def main() -> None:
    """Fill every page, draw the pictures, and print what should be measured again."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    for path in pages():
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
    for file, name, draw in PICTURES:
        if not (ROOT / TABLES[name].file).exists():
            continue
        result = read(ROOT / TABLES[name].file, TABLES[name].kind)
        (ROOT / file).write_text(draw(result), encoding="utf-8")
    remarks = (table.remark(ROOT) for table in TABLES.values())
    for remark in dict.fromkeys(filter(None, remarks)):
        print(remark)


if __name__ == "__main__":
    main()
