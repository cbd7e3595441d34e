"""The converters: what one defines, and how one is found without importing its toolchain."""

import importlib
import importlib.metadata
import pkgutil
from typing import Any, cast

import slide_mobile_converters
from slide_mobile.errors import ToolchainMissing, UnknownName
from slide_mobile.recipes import Recipe, lookup
from slide_mobile.targets import environments
from slide_mobile.targets.converter import Converter
from slide_mobile.targets.format import Format


def names() -> list[str]:
    """Targets present, found without importing any toolchain."""
    return sorted(m.name for m in pkgutil.iter_modules(slide_mobile_converters.__path__))


def load(target: str) -> Converter:
    """Import one converter; raises UnknownName, ToolchainMissing."""
    if target not in names():
        raise UnknownName("target", target, names())
    return cast(Converter, part(target))


def part(target: str, name: str = "") -> Any:
    """Import a converter's module, ".name" below it or itself; raises ToolchainMissing."""
    try:
        return importlib.import_module(f"slide_mobile_converters.{target}{name}")
    except (ImportError, OSError) as error:
        package = getattr(error, "name", None) or target
        if package.startswith("slide_mobile"):
            raise  # a bug of ours, not a missing toolchain
        absent = isinstance(error, ModuleNotFoundError)
        raise ToolchainMissing(target, package, "" if absent else str(error)) from error


def choose(converter: Converter, to: Format) -> tuple[str, Recipe, str]:
    """Backend, recipe and exporter of a format, the target's first ones where it names none.

    Raises UnknownName.
    """
    backend = _one_of(to.target, "backend", to.backend, tuple(converter.BACKENDS))
    via = _one_of(to.target, "road", to.via, tuple(converter.ROADS))
    where = to.target + (f" on {backend}" if len(converter.BACKENDS) > 1 else "")
    precision = _one_of(where, "precision", to.precision, converter.BACKENDS[backend])
    return backend, lookup(precision), via


def _one_of(where: str, kind: str, name: str | None, known: tuple[str, ...]) -> str:
    if name is None:
        return known[0]
    if name not in known:
        raise UnknownName(f"{kind} of {where}", name, known)
    return name


def toolchain(converter: Converter, via: str) -> dict[str, str]:
    """Versions of every package that touches the file on this road."""
    return {name: _version(name) for name in sorted(converter.ROADS[via])}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return environments.pin(name)  # it runs in an environment of its own
