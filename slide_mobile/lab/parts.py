"""What labs are made of: each part is a folder of the cache that one set-up call makes.

Nothing is installed on the machine, and root is not needed. Packages come from Debian and PyPI, by
the user's own apt and pip settings. Versions of LiteRT, ExecuTorch and numpy are those of this
environment, so that a lab runs the release that the checks ran.
"""

import importlib.metadata
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from slide_mobile.errors import EnvironmentMissing, ToolchainMissing
from slide_mobile.lab import debian
from slide_mobile.lab.debian import Packages
from slide_mobile.targets import cached_folders

_SECONDS = 900  # for pip; the largest wheel has 430 MB
_STDERR = 2


@dataclass(frozen=True, kw_only=True)
class Part:
    """A folder of the cache: what it is for, what it is made from, and its size on disk.

    `pins` decides its name: other pins make another folder. `make` fills the folder that it is
    given, and raises EnvironmentMissing. A part that holds a `package` of this environment is
    needed only where that is installed.
    """

    name: str
    purpose: str
    size_bytes: int
    pins: Callable[[], tuple[str, ...]]
    make: Callable[[Path], None]
    package: str | None = None

    @property
    def is_needed(self) -> bool:
        """Whether this environment has the files that the part is for."""
        return self.package is None or find_spec(self.package) is not None

    @property
    def root(self) -> Path:
        """Its folder, whether or not it has been made."""
        return cached_folders.place(f"lab-{self.name}", self.pins())

    @property
    def is_made(self) -> bool:
        """Whether it is there, with the pins of today."""
        return self.root.is_dir()


def _of_packages(name: str, purpose: str, size_bytes: int, packages: Packages) -> Part:
    """A part that is nothing but packages."""
    return Part(
        name=name,
        purpose=purpose,
        size_bytes=size_bytes,
        pins=lambda: packages.pins,
        make=lambda root: debian.unpack(root, packages),
    )


SWIFTSHADER = _of_packages(
    "swiftshader",
    "a Vulkan driver that computes on the CPU in fp32",
    6_000_000,
    Packages(
        suite="bookworm",
        architecture="amd64",
        names=("chromium-common",),  # it holds the driver, and a Vulkan loader
        keep=("usr/lib/chromium/*vk_swiftshader*", "usr/lib/chromium/libvulkan.so.1"),
    ),
)

# The driver, and what it needs. Debian 13's driver needs a newer libc than Debian 12 has.
_LAVAPIPE_DRIVER = Packages(
    suite="bookworm-backports",
    architecture="amd64",
    names=("mesa-vulkan-drivers",),
    keep=("usr/lib/*/libvulkan_lvp.so", "usr/share/vulkan/icd.d/lvp_icd.json"),
)
_LAVAPIPE_LIBRARIES = Packages(
    suite="bookworm",
    architecture="amd64",
    names=(
        *("libvulkan1", "libllvm15", "libdrm2", "libexpat1", "libffi8", "libedit2", "libz3-4"),
        *(
            "libtinfo6",
            "libxml2",
            "libicu72",
            "liblzma5",
            "zlib1g",
            "libzstd1",
            "libwayland-client0",
        ),
        *("libxcb1", "libxcb-randr0", "libxcb-dri3-0", "libxcb-present0", "libxcb-xfixes0"),
        *("libxcb-sync1", "libxcb-shm0", "libxshmfence1", "libx11-xcb1", "libxau6", "libxdmcp6"),
        *("libmd0", "libwayland-client0", "libfaketime"),
    ),
)


def _make_lavapipe(root: Path) -> None:
    for packages in (_LAVAPIPE_DRIVER, _LAVAPIPE_LIBRARIES):
        debian.unpack(root, packages)


LAVAPIPE = Part(
    name="lavapipe",
    purpose="a Vulkan driver that computes on the CPU in fp16",
    size_bytes=190_000_000,
    pins=lambda: (*_LAVAPIPE_DRIVER.pins, *_LAVAPIPE_LIBRARIES.pins),
    make=_make_lavapipe,
)

QEMU = _of_packages(
    "qemu",
    "emulates 64-bit Arm CPUs for one process",
    20_000_000,
    # Not bookworm's 7.2, which computes int8 wrongly for `-cpu max`.
    Packages(
        suite="trixie",
        architecture="amd64",
        names=("qemu-user",),
        keep=("usr/bin/qemu-aarch64",),
    ),
)

# What Python, numpy and LiteRT need of an arm64 Debian.
_ARM64 = Packages(
    suite="bookworm",
    architecture="arm64",
    names=(
        *("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libffi8"),
        *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"),
    ),
)


def _arm64_wheels() -> tuple[str, ...]:
    return tuple(f"{name}=={installed(name)}" for name in ("ai-edge-litert", "numpy"))


def _make_arm64(root: Path) -> None:
    debian.unpack(root, _ARM64)
    unpack_wheels(root / "site", _arm64_wheels())


ARM64 = Part(
    name="arm64",
    purpose="Python and LiteRT for 64-bit Arm",
    size_bytes=150_000_000,
    pins=lambda: (*_ARM64.pins, *_arm64_wheels()),
    make=_make_arm64,
)


def unpack_wheels(site: Path, requirements: Sequence[str]) -> None:
    """Unpack wheels for 64-bit Arm and Python 3.11, without dependencies, into a folder."""
    wheels = site.with_name(".wheels")
    platforms = [f"--platform=manylinux_2_{glibc}_aarch64" for glibc in (17, 27, 28)]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download"]
    options = ["--no-deps", "--only-binary=:all:", "--python-version=3.11", *platforms]
    try:
        subprocess.run(
            [*command, *options, "--progress-bar=off", f"--dest={wheels}", *requirements],
            stdout=_STDERR,
            timeout=_SECONDS,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise EnvironmentMissing(f"pip could not download {', '.join(requirements)}") from error
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
        wheel.unlink()
    wheels.rmdir()


def installed(distribution: str, target: str = "tflite") -> str:
    """The version in this environment; raises ToolchainMissing."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError as error:
        raise ToolchainMissing(target, distribution) from error
