"""What the cost lab is made of, besides the arm64 Python and LiteRT of the other labs."""

import hashlib
import shutil
import subprocess
from functools import partial
from pathlib import Path

from slide_mobile.errors import EnvironmentMissing
from slide_mobile.lab import debian
from slide_mobile.lab.debian import Packages
from slide_mobile.lab.parts import ARM64, Part

PLUGIN = "plugin.so"
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")  # below the root of a part

SOURCE = Path(__file__).with_name("plugin.c")
_ARCHITECTURE, _SUITE = "amd64", "bookworm"
_SHARED = tuple(f"{folder}/*.so*" for folder in LIBRARIES)

# Debian 12's QEMU is the only one that loads plugins into the emulation of a process: later ones
# are linked statically. It computes int8 wrongly for `-cpu max` with SME, which is not used here.
_QEMU = Packages(
    suite=_SUITE,
    architecture=_ARCHITECTURE,
    names=(
        *("qemu-user", "libcapstone4", "liburing2", "libglib2.0-0", "libgnutls30", "libnuma1"),
        *("zlib1g", "libp11-kit0", "libidn2-0", "libunistring2", "libtasn1-6", "libnettle8"),
        *("libhogweed6", "libgmp10", "libffi8", "libpcre2-8-0"),
    ),
    keep=("usr/bin/qemu-aarch64", "usr/bin/qemu-x86_64", *_SHARED),
)
_LLVM = Packages(
    suite=_SUITE,
    architecture=_ARCHITECTURE,
    names=(
        *("llvm-19", "libllvm19", "libedit2", "libz3-4", "libxml2", "libtinfo6", "libbsd0"),
        *("libmd0", "libicu72", "libzstd1", "liblzma5", "libffi8", "zlib1g"),
    ),
    keep=("usr/lib/llvm-19/bin/llvm-mc", "usr/lib/llvm-19/bin/llvm-mca", *_SHARED),
)


def libraries(root: Path) -> dict[str, str]:
    """The environment in which the programs of a part find their shared libraries."""
    return {"LD_LIBRARY_PATH": ":".join(str(root / folder) for folder in LIBRARIES)}


def _make_counter(root: Path) -> None:
    debian.unpack(root, _QEMU)
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise EnvironmentMissing(
            "the cost lab compiles a plugin and needs a C compiler, such as gcc"
        )
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(root / PLUGIN), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise EnvironmentMissing(f"{compiler} cannot compile {SOURCE.name}: {done.stderr[:150]}")


COUNTER = Part(
    name="counter",
    purpose="a QEMU whose plugin counts what a program executes",
    size_bytes=30_000_000,
    pins=lambda: (*_QEMU.pins, hashlib.sha256(SOURCE.read_bytes()).hexdigest()),
    make=_make_counter,
)
LLVM = Part(
    name="llvm",
    purpose="LLVM's scheduling models of processor cores",
    size_bytes=190_000_000,
    pins=lambda: _LLVM.pins,
    make=partial(debian.unpack, packages=_LLVM),
)
COUNTING = (ARM64, COUNTER)  # all that counting instructions needs
PARTS = (*COUNTING, LLVM)
