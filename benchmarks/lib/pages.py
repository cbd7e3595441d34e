"""The measured tables on README.md and the pages in docs/.

A table stands between `<!-- measured: NAME -->` and `<!-- end -->`; TABLES has the names.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from benchmarks.lib import provenance
from benchmarks.lib.results import (
    attention,
    cost_validation,
    curve,
    families,
    forms,
    growth,
    islands,
    judges,
    labs,
    memory,
    phones,
    runtimes,
    sensitivity,
    super_resolution,
    targets,
    whole,
)
from benchmarks.lib.results.document import Result, read

ROOT = Path(__file__).parents[2]
FORMS_FILE = "slide_mobile/deploy/forms.json"
EARLIER = f"\nMeasured with an earlier table of graph forms (`{FORMS_FILE}`).\n"

_MARK = "<!-- measured: "
_BLOCK = re.compile(r"(<!-- measured: ([\w-]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)

R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Table(Generic[R]):
    """A table: the file it is made from, the class of that file, and what writes it."""

    file: str
    kind: type[R]
    write: Callable[[R], str]

    def text(self, root: Path) -> str:
        """The table, or nothing if it was not measured; says so if its table of forms is old."""
        path = root / self.file
        if not path.exists():
            return ""
        result = read(path, self.kind)
        return self.write(result) + (EARLIER if self._age(result) == "earlier" else "")

    def remark(self, root: Path) -> str | None:
        """Why the table should be measured again, if it should."""
        path = root / self.file
        if not path.exists():
            return f"{self.file}: not measured"
        age = "current" if self.file == FORMS_FILE else self._age(read(path, self.kind))
        known = {"earlier": "an earlier", "unknown": "an unknown"}
        if age == "current":
            return None
        return f"{self.file}: measured with {known[age]} table of graph forms"

    def _age(self, result: R) -> provenance.Age:
        """How old the table of graph forms behind a result is."""
        return provenance.age(result.digests)


def _results(name: str) -> str:
    """The path of a result file in the repository."""
    return f"benchmarks/results/{name}.json"


TABLES: Mapping[str, Table[Any]] = {
    "targets": Table(_results("targets"), targets.Targets, targets.tables),
    "runtimes": Table(_results("runtimes"), runtimes.Runtimes, runtimes.table),
    "judges": Table(_results("judges"), judges.Judges, judges.table),
    "labs": Table(_results("labs"), labs.Labs, labs.table),
    "cost-validation": Table(
        _results("cost_validation"), cost_validation.CostValidation, cost_validation.table
    ),
    "curve": Table(_results("curve"), curve.Curve, curve.table),
    "whole": Table(_results("whole"), whole.Whole, whole.table),
    "gates": Table(_results("whole"), whole.Whole, whole.gates),
    "gates-amx": Table(_results("whole_amx"), whole.Whole, whole.gates),
    "families": Table(_results("families"), families.Families, families.table),
    "memory": Table(_results("memory"), memory.Memory, memory.table),
    "growth": Table(_results("growth"), growth.Growth, growth.table),
    "attention": Table(_results("attention"), attention.Attentions, attention.tables),
    "islands": Table(_results("islands"), islands.Islands, islands.table),
    "sensitivity": Table(_results("sensitivity"), sensitivity.Sensitivities, sensitivity.table),
    "super-resolution": Table(
        _results("super_resolution"), super_resolution.SuperResolution, super_resolution.table
    ),
    "phones": Table(_results("phone_cycles"), phones.PhoneCycles, phones.table),
    "forms": Table(FORMS_FILE, forms.FormTable, forms.table),
}


def pages(root: Path = ROOT) -> Iterator[Path]:
    """README.md and the pages below docs/ that hold a measured table."""
    for path in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
        if _MARK in path.read_text(encoding="utf-8"):
            yield path


def filled(text: str, root: Path = ROOT) -> str:
    """A page with its tables written anew; raises KeyError for a name that TABLES has not."""
    return _BLOCK.sub(lambda block: block[1] + TABLES[block[2]].text(root) + block[3], text)
