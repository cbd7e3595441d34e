"""Write the measured tables of README.md and docs/, and the picture in README.md, from the results.

    python -m benchmarks.tables

Reads benchmarks/results and fills each block between `<!-- measured: NAME -->` and `<!-- end -->`
on any page. Says which results were not measured with today's table of graph forms.
"""

import argparse

from benchmarks.lib import picture
from benchmarks.lib.pages import ROOT, TABLES, filled, pages
from benchmarks.lib.results.document import read
from benchmarks.lib.results.whole import Whole


def main() -> None:
    """Fill every page, draw the picture, and print what should be measured again."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    for path in pages():
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
    result = read(ROOT / TABLES["whole"].file, Whole)
    (ROOT / picture.FILE).write_text(picture.latency(result), encoding="utf-8")
    remarks = (table.remark(ROOT) for table in TABLES.values())
    for remark in dict.fromkeys(filter(None, remarks)):
        print(remark)


if __name__ == "__main__":
    main()
