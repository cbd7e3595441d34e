"""Everything that a report says about artifacts: their manifests, and a check of each, done now."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slide_mobile.artifact.documents import shortened
from slide_mobile.errors import SlideMobileError
from slide_mobile.progress import Progress, silent
from slide_mobile.report import entries
from slide_mobile.report.documents import Problem
from slide_mobile.report.entries import Entry
from slide_mobile.report.pictures import Picture, pictures


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything that was found, in the order in which it was named."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    pictures: tuple[Picture, ...]

    @property
    def passed(self) -> bool:
        """Whether every artifact could be read and reached its floors."""
        return not self.problems and not any(entry.failures for entry in self.entries)


def gather(
    roots: Sequence[Path],
    *,
    modules: bool | None,
    ranges: bool = True,
    progress: Progress = silent,
) -> Contents:
    """Open and check artifacts; a damaged one becomes a Problem, and the others continue.

    `modules` true compares the modules of every artifact with PyTorch's, false of none, and None of
    quantised ones whose model is small enough for it to take seconds. `ranges` reads what the int8
    outputs can hold.
    """
    found, problems = [], []
    for i, root in enumerate(roots):
        progress("check the artifacts", i / len(roots))
        try:
            found.append(entries.read(root, modules, ranges, progress))
        except SlideMobileError as error:
            problems.append(problem(str(root), error))
    names = entries.short_names([entry.artifact for entry in found])
    named = tuple(
        dataclasses.replace(entry, name=name) for entry, name in zip(found, names, strict=True)
    )
    return Contents(entries=named, problems=tuple(problems), pictures=pictures(named))


def problem(path: str, error: SlideMobileError) -> Problem:
    """Why a folder or file is not in the report."""
    return Problem(path=path, line=shortened(error, 300))


def with_problems(contents: Contents, problems: Sequence[Problem]) -> Contents:
    """The same contents with more problems."""
    return dataclasses.replace(contents, problems=(*contents.problems, *problems))
