"""Cycles of code blocks under LLVM's scheduling model of a processor core.

llvm-mca runs a block again and again, as a loop does, with all data in the first cache and every
branch predicted. Its models are LLVM's own: what a compiler knows of the core, not the core.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slide_mobile.artifact import documents

COVERED = 0.999  # of all instructions; the rest is scaled from the blocks that were simulated
ITERATIONS = 100
MARK = "hlt"  # stands between blocks; no program of a user may execute it


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """An instruction set as LLVM's tools take it; `mark` is the code of MARK."""

    triple: str
    attributes: str
    mark: bytes


AARCH64 = Assembly(triple="aarch64", attributes="+all", mark=b"\0\0\x40\xd4")
X86_64 = Assembly(triple="x86_64", attributes="", mark=b"\xf4")


class _Summary(msgspec.Struct, frozen=True):
    total_cycles: int = msgspec.field(name="TotalCycles")
    iterations: int = msgspec.field(name="Iterations")


class _Region(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="Name")
    summary: _Summary = msgspec.field(name="SummaryView")


class _Report(msgspec.Struct, frozen=True):
    regions: tuple[_Region, ...] = msgspec.field(name="CodeRegions")


@dataclass(frozen=True, kw_only=True)
class Llvm:
    """LLVM's tools in a folder; `libraries` is where their shared libraries are."""

    folder: Path
    libraries: Path

    def run(self, tool: str, *arguments: str, given: str) -> str:
        """Return what a tool prints."""
        done = subprocess.run(
            [str(self.folder / tool), *arguments], input=given, capture_output=True, text=True,
            env=os.environ | {"LD_LIBRARY_PATH": str(self.libraries)},
        )  # fmt: skip
        if done.returncode != 0:
            raise OSError(f"{tool}: {done.stderr.strip().splitlines()[-1:]}")
        return done.stdout


def cycles(
    blocks: Sequence[bytes], llvm: Llvm, assembly: Assembly, core: str
) -> dict[bytes, float]:
    """Cycles of one execution of each block; a block that LLVM cannot simulate is left out."""
    listings = disassembled(blocks, llvm, assembly)
    regions = [
        f"# LLVM-MCA-BEGIN {number}\n{text}# LLVM-MCA-END\n"
        for number, text in enumerate(listings)
        if text
    ]
    printed = llvm.run(
        "llvm-mca", f"-mtriple={assembly.triple}", f"-mcpu={core}", f"-iterations={ITERATIONS}",
        "-json", "-call-latency=1", "-instruction-info=0", "-resource-pressure=0",
        "-skip-unsupported-instructions=any",
        given="".join(regions),
    )  # fmt: skip
    return {blocks[number]: each for number, each in simulated(printed).items()}


def disassembled(blocks: Sequence[bytes], llvm: Llvm, assembly: Assembly) -> list[str]:
    """Return the assembly text of each block."""
    given = "".join(" ".join(f"0x{b:02x}" for b in block + assembly.mark) + "\n" for block in blocks)
    printed = llvm.run(
        "llvm-mc", "--disassemble", f"-triple={assembly.triple}",
        f"-mattr={assembly.attributes}", given=given,
    )  # fmt: skip
    return split(printed)


def split(printed: str) -> list[str]:
    """Split llvm-mc's text at the marks."""
    listings, lines = [], []
    for line in printed.splitlines(keepends=True):
        name = line.split()[:1]
        if name == [MARK]:
            listings.append("".join(lines))
            lines = []
        elif name and not name[0].startswith("."):
            lines.append(line)
    return listings


def simulated(printed: str) -> dict[int, float]:
    """Read llvm-mca's JSON: cycles of one iteration by the number of the region."""
    report = documents.decode(printed.encode(), _Report)
    return {int(r.name): r.summary.total_cycles / r.summary.iterations for r in report.regions}


def hottest(executions: Mapping[bytes, int]) -> list[bytes]:
    """Blocks that make up COVERED of all executed bytes of code, most first."""
    order = sorted(executions, key=lambda block: -executions[block] * len(block))
    wanted = COVERED * sum(count * len(block) for block, count in executions.items())
    chosen, so_far = [], 0
    for block in order:
        if so_far >= wanted:
            break
        chosen.append(block)
        so_far += executions[block] * len(block)
    return chosen
