"""ExecuTorch's runtime for 64-bit Arm: the library of its own wheel, without torch.

The library is Python's module `_portable_lib`, with the runtime, XNNPACK and all kernels. It needs
torch only to convert Python's tensors, and for cpuinfo and pthreadpool, which torch's library
contains. So it is called from C++ behind a C boundary. Debian's packages stand for cpuinfo and
pthreadpool, and an empty library for torch's, whose wheel for this CPU has 430 MB with CUDA.
"""

import shutil
import subprocess
from pathlib import Path

from slide_mobile.errors import EnvironmentMissing
from slide_mobile.lab import debian
from slide_mobile.lab.cost.parts import libraries
from slide_mobile.lab.debian import Packages
from slide_mobile.lab.parts import Part, installed, unpack_wheels

PACKAGE = "executorch"
BOUNDARY = "libc_executorch.so"
LIBRARIES = "usr/lib/aarch64-linux-gnu"  # below the root of the part

_SOURCES = Path(__file__).parent
_RUNTIME = "executorch/extension/pybindings/_portable_lib.cpython-311-aarch64-linux-gnu.so"
_TORCH = ("libtorch.so", "libtorch_cpu.so", "libtorch_python.so", "libc10.so")

# The first releases of Debian whose pthreadpool has every function that XNNPACK calls. A worker
# checks that cpuinfo's flags are where XNNPACK reads them.
_CPU = Packages(
    suite="forky",
    architecture="arm64",
    names=("libcpuinfo0", "libpthreadpool0"),
    keep=(f"{LIBRARIES}/*.so.0",),
)
_COMPILER = Packages(
    suite="bookworm",
    architecture="amd64",
    names=(
        *("cpp-12-aarch64-linux-gnu", "gcc-12-aarch64-linux-gnu", "g++-12-aarch64-linux-gnu"),
        *("binutils-aarch64-linux-gnu", "libbinutils", "libjansson4", "libzstd1", "zlib1g"),
        *("libisl23", "libmpc3", "libmpfr6", "libgmp10", "linux-libc-dev-arm64-cross"),
        *("libc6-arm64-cross", "libc6-dev-arm64-cross", "libgcc-s1-arm64-cross"),
        *("libgcc-12-dev-arm64-cross", "libstdc++6-arm64-cross", "libstdc++-12-dev-arm64-cross"),
    ),
)


def _wheel() -> str:
    return f"{PACKAGE}=={installed(PACKAGE, 'executorch')}"


def _pins() -> tuple[str, ...]:
    sources = (path.read_text() for path in sorted(_SOURCES.glob("*.[ch]*")))
    return (_wheel(), *_CPU.pins, *_COMPILER.pins, *sources)


def _make(root: Path) -> None:
    debian.unpack(root, _CPU)
    wheel, compiler = root / ".wheel", root / ".compiler"
    unpack_wheels(wheel, [_wheel()])
    debian.unpack(compiler, _COMPILER)
    runtime = (wheel / _RUNTIME).rename(root / Path(_RUNTIME).name)
    _compile(compiler, root / BOUNDARY, "c_executorch.cpp", *_headers(wheel), str(runtime))
    first, *others = _TORCH
    _compile(compiler, root / first, "torch.cpp")
    for name in others:
        (root / name).symlink_to(first)
    for about in wheel.glob("*.dist-info"):  # which names the release
        about.rename(root / about.name)
    shutil.rmtree(wheel)
    shutil.rmtree(compiler)


def _headers(wheel: Path) -> tuple[str, ...]:
    """Options for the runtime's headers, and those of its own copy of c10."""
    ours = wheel / "executorch/include"
    folders = (ours, ours / "executorch/runtime/core/portable_type/c10")
    return ("-DC10_USING_CUSTOM_GENERATED_MACROS", *(f"-I{folder}" for folder in folders))


def _compile(compiler: Path, out: Path, source: str, *options: str) -> None:
    """Compile a source of this folder to a library; raises EnvironmentMissing."""
    command = [
        *(str(compiler / "usr/bin/aarch64-linux-gnu-g++-12"), f"--sysroot={compiler}"),
        *("-std=c++17", "-O2", "-fPIC", "-shared", "-Wl,--allow-shlib-undefined"),
        *(f"-Wl,-soname={out.name}", "-o", str(out), str(_SOURCES / source), *options),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=libraries(compiler))
    if done.returncode != 0:
        said = " ".join((done.stderr.splitlines() or ["nothing"])[-1].split())
        raise EnvironmentMissing(f"cannot compile {source} for 64-bit Arm: {said[:150]}")


EXECUTORCH = Part(
    name="arm64-executorch",
    purpose="ExecuTorch for 64-bit Arm",
    size_bytes=13_000_000,
    pins=_pins,
    make=_make,
    package=PACKAGE,
)
