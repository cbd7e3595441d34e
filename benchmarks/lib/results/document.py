"""What every result file has in common, and the door through which it is read and written.

Durations are milliseconds, sizes bytes. A field that may be UNSET is left out of the file.
"""

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from benchmarks.lib import provenance
from slide_mobile.artifact import documents
from slide_mobile.artifact.atomic import write_file
from slide_mobile.artifact.documents import Count, Positive, Sha256, Text
from slide_mobile.bench import amx, host
from slide_mobile.targets import registry
from slide_mobile.targets.format import Format


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every document and every row."""


class Environment(Row, frozen=True, kw_only=True):
    """What a measurement was made on and with, and the settings of the script.

    `with_amx` says whether XNNPACK had AMX, the matrix instructions that no phone has.
    """

    machine: Text
    cpu: Text
    with_amx: bool
    cores: Positive
    python: Text
    toolchain: dict[Text, Text]
    forms_sha256: Sha256 | UnsetType = UNSET
    threads: Positive | UnsetType = UNSET
    runs: Count | UnsetType = UNSET
    model: Text | UnsetType = UNSET
    target: Text | UnsetType = UNSET
    calibration_images: Count | UnsetType = UNSET
    compared_images: Count | UnsetType = UNSET

    @property
    def amx(self) -> str:
        """Whether it was measured with AMX, in words."""
        return "with AMX" if self.with_amx else "without AMX"


class Result(Row, frozen=True, kw_only=True):
    """Base of every result file."""

    @property
    def digests(self) -> tuple[str, ...]:
        """Digests of the tables of graph forms behind it, or nothing if they were not recorded."""
        return ()


class Measured(Result, frozen=True, kw_only=True):
    """Base of the result files that were measured in one environment."""

    environment: Environment

    @property
    def digests(self) -> tuple[str, ...]:
        """The digest that the environment records."""
        told = self.environment.forms_sha256
        return () if told is UNSET else (told,)


T = TypeVar("T", bound=Row)


def environment(targets: Iterable[str], **settings: str | int) -> Environment:
    """What a measurement of these targets is made on and with, here and now."""
    versions: dict[str, str] = {}
    for target in targets:
        converter = registry.load(target)
        _, _, via = registry.choose(converter, Format(target))
        versions |= registry.toolchain(converter, via)
    plain = {
        "machine": platform.machine(),
        "cpu": host.cpu(),
        "with_amx": amx.available(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "toolchain": dict(sorted(versions.items())),
        "forms_sha256": provenance.digest(),
        **settings,
    }
    return msgspec.convert(plain, Environment)


def read(path: Path, kind: type[T]) -> T:
    """A result; raises DocumentError."""
    return documents.decode(path.read_bytes(), kind)


def save(path: Path, result: Row) -> None:
    """Write a result, whole or not at all."""
    write_file(path, documents.encode(result))
