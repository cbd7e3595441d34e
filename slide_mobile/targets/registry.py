"""The converters, found by listing their folder and imported only when one is asked for."""

import contextlib
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import slide_mobile_converters
from slide_mobile.errors import ToolchainMissing, UnknownName
from slide_mobile.recipes import Recipe, lookup
from slide_mobile.targets import environments
from slide_mobile.targets.converter import Converter
from slide_mobile.targets.format import Format

ALL = "all"


def names() -> list[str]:
    """Names of all targets; imports no toolchain."""
    return sorted(m.name for m in pkgutil.iter_modules(slide_mobile_converters.__path__))


def expand(word: str) -> list[str]:
    """The targets that a word names: a target, another name of one, or all; in any case.

    Raises UnknownName.
    """
    if word.lower() == ALL:
        return names()
    for target in names():
        if word.lower() in (target, *_aliases(target)):
            return [target]
    raise UnknownName("target", word, [*names(), ALL])


def canonical(to: Format) -> Format:
    """The same format with the target's and the precision's own names; raises UnknownName."""
    if to.target.lower() == ALL:
        raise UnknownName("target", to.target, names())
    (target,) = expand(to.target)
    precision = None if to.precision is None else lookup(to.precision).name
    return replace(to, target=target, precision=precision)


def _aliases(target: str) -> list[str]:
    """Other names of a target, such as the suffix of its files; imports no toolchain."""
    for folder in map(Path, slide_mobile_converters.__path__):
        if (path := folder / target / "aliases.txt").is_file():
            return path.read_text(encoding="utf-8").split()
    return []


def load(target: str, *, to_write: bool = False) -> Converter:
    """The converter of a target; raises UnknownName, ToolchainMissing.

    What writes a file needs torch and more packages than what runs one. It is imported at the
    first conversion, or here if `to_write`, so that a missing package is found at once.
    """
    if target not in names():
        raise UnknownName("target", target, names())
    with needs_toolchain(target):
        if to_write:
            importlib.import_module(f"slide_mobile_converters.{target}.writing")
        return cast(Converter, importlib.import_module(f"slide_mobile_converters.{target}"))


@contextlib.contextmanager
def needs_toolchain(target: str) -> Iterator[None]:
    """Turn an import that fails inside the block into ToolchainMissing.

    A name that our own packages lack is a bug of ours, and passes.
    """
    try:
        yield
    except (ImportError, OSError) as error:
        package = getattr(error, "name", None) or target
        if package.startswith("slide_mobile"):
            raise
        absent = isinstance(error, ModuleNotFoundError)
        raise ToolchainMissing(target, package, "" if absent else str(error)) from error


class Choice(NamedTuple):
    """What a format comes to on its target: every name is one that the target has."""

    backend: str
    recipe: Recipe
    via: str


def choose(converter: Converter, to: Format) -> Choice:
    """Backend, recipe and exporter of a format; where it names none, the target's first.

    Raises UnknownName for a name that the target does not have.
    """
    backend = _one_of(to.target, "backend", to.backend, tuple(converter.BACKENDS))
    exporter = _one_of(to.target, "exporter", to.via, tuple(converter.EXPORTERS))
    where = to.target + (f" on {backend}" if len(converter.BACKENDS) > 1 else "")
    precision = _one_of(where, "precision", to.precision, converter.BACKENDS[backend])
    return Choice(backend, lookup(precision), exporter)


def _one_of(where: str, kind: str, name: str | None, known: tuple[str, ...]) -> str:
    if name is None:
        return known[0]
    if name not in known:
        raise UnknownName(f"{kind} for {where}", name, known)
    return name


def toolchain(converter: Converter, exporter: str) -> dict[str, str]:
    """Versions of all packages that take part in writing the file with this exporter."""
    return {name: _version(name) for name in sorted(converter.EXPORTERS[exporter])}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return environments.pin(name)  # it is installed in an environment of its own
