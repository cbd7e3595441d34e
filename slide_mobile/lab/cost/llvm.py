"""LLVM's tools: code to assembly text, and assembly text to cycles under a model of a core.

llvm-mca runs a text again and again, as a loop does, with all data in the first cache and every
branch predicted. Its models are what a compiler knows of a core, not the core itself.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from slide_mobile.artifact import documents
from slide_mobile.artifact.documents import DocumentError
from slide_mobile.lab import debian
from slide_mobile.lab.cost.cores import Core
from slide_mobile.lab.cost.parts import LLVM, libraries
from slide_mobile.lab.process import WorkerFailed, last_words

MARK = "hlt"  # stands between two blocks; no program of a user may execute it
_SECONDS = 600
_AT_ONCE = 256  # texts for one call of llvm-mca


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """An instruction set as LLVM's tools take it.

    `mark` is code that ends with MARK; nops before it are dropped. `substitutions` are regular
    expressions and what to put in their place, for instructions that the model gets wrong.
    """

    triple: str
    attributes: str
    mark: bytes
    substitutions: tuple[tuple[str, str], ...] = ()


AARCH64 = Assembly(triple="aarch64", attributes="+all", mark=b"\x00\x00\x40\xd4")
# In order, llvm-mca 19 lets an address that a load or store advances wait for the data: a chain of
# `ldr q0, [x1], #16` takes 3 cycles each on its A55, where its A76 takes 1. The pipeline of these
# cores hands the address on in the next cycle, and XNNPACK's kernels for the A55 are built on that:
# 4 of 5 instructions of a depthwise convolution advance an address. So the advance is left out.
AARCH64_IN_ORDER = replace(
    AARCH64, substitutions=((r"(?m)^(\s*(?:ld|st)\w*\s.*\]), (?:#-?\d+|x\d+)$", r"\1"),)
)


def of_phone(core: Core) -> Assembly:
    """How code is read for a core of a phone."""
    return AARCH64_IN_ORDER if core.in_order else AARCH64


class _Summary(msgspec.Struct, frozen=True):
    cycles: int = msgspec.field(name="TotalCycles")
    iterations: int = msgspec.field(name="Iterations")


class _Region(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="Name")
    summary: _Summary = msgspec.field(name="SummaryView")


class _Report(msgspec.Struct, frozen=True):
    regions: tuple[_Region, ...] = msgspec.field(name="CodeRegions")


def simulator(core: str) -> str:
    """What simulates a core, for the document."""
    version = debian.version(LLVM.root, "llvm-19").partition(":")[2].partition("-")[0]
    return f"llvm-mca {version} -mcpu={core}"


def disassemble(blocks: Sequence[bytes], assembly: Assembly) -> list[str]:
    """The assembly text of each block; code that LLVM does not know is left out."""
    codes = (" ".join(f"0x{byte:02x}" for byte in block + assembly.mark) for block in blocks)
    options = ("--disassemble", f"-triple={assembly.triple}", f"-mattr={assembly.attributes}")
    texts = split(_run("llvm-mc", *options, given="\n".join(codes)))
    for pattern, replacement in assembly.substitutions:
        texts = [re.sub(pattern, replacement, text) for text in texts]
    return texts


def split(printed: str) -> list[str]:
    """Split llvm-mc's text at the marks."""
    texts: list[str] = []
    lines: list[str] = []
    for line in printed.splitlines():
        name = line.split(maxsplit=1)[:1]
        if name == [MARK]:
            while lines and lines[-1].split() == ["nop"]:
                lines.pop()
            texts.append("".join(f"{line}\n" for line in lines))
            lines = []
        elif name and not name[0].startswith("."):
            lines.append(line)
    return texts


def simulate(
    texts: Sequence[str], assembly: Assembly, core: str, *, iterations: int
) -> dict[int, float]:
    """Cycles of one iteration of each text, by its index; a text without a known one is left out.

    `core` is LLVM's name of the model. Raises WorkerFailed.
    """
    found: dict[int, float] = {}
    numbered = [(number, text) for number, text in enumerate(texts) if text]
    for start in range(0, len(numbered), _AT_ONCE):
        found |= read(_mca(numbered[start : start + _AT_ONCE], assembly, core, iterations))
    return found


def _mca(
    numbered: Sequence[tuple[int, str]], assembly: Assembly, core: str, iterations: int
) -> str:
    regions = (f"# LLVM-MCA-BEGIN {n}\n{text}# LLVM-MCA-END\n" for n, text in numbered)
    return _run(
        "llvm-mca",
        *(f"-mtriple={assembly.triple}", f"-mcpu={core}", f"-iterations={iterations}"),
        *("-json", "-instruction-info=0", "-resource-pressure=0"),
        "-call-latency=1",  # it assumes 100 cycles for the body of a call, which is here itself
        "-skip-unsupported-instructions=any",
        given="".join(regions),
    )


def read(printed: str) -> dict[int, float]:
    """Read llvm-mca's JSON: cycles of one iteration by the number of the region."""
    try:
        report = documents.decode(printed.encode(), _Report)
    except DocumentError as error:
        raise WorkerFailed(f"llvm-mca printed something else: {error}") from error
    return {int(r.name): r.summary.cycles / r.summary.iterations for r in report.regions}


def _run(tool: str, *arguments: str, given: str) -> str:
    """What a tool prints; raises WorkerFailed."""
    path: Path = LLVM.root / "usr/lib/llvm-19/bin" / tool
    done = subprocess.run(
        [str(path), *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env=os.environ | libraries(LLVM.root),
    )
    if done.returncode != 0:
        raise WorkerFailed(f"{tool}: {last_words(done)}")
    return done.stdout
