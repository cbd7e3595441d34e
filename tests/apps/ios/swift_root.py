"""Swift on a machine that has none: a Debian of its own in the cache, entered by chroot.

Debian packages Swift from trixie on (swiftlang). Mounts live in a mount namespace that ends with
the command.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debian_packages import NotToBeHad, unpack
from patience import limit
from proof import show

from slide_mobile.lab.debian import KEYRING, mirror

SUITE = "trixie"
PACKAGES = (
    "swiftlang", "libc6-dev", "libstdc++-14-dev", "libgcc-14-dev", "binutils", "git",
    "ca-certificates",
)  # fmt: skip
CLANG = "/usr/libexec/swift/bin/clang++"

# Paths inside the root.
REPOSITORY, WORK, ARTIFACTS = "/repository", "/work", "/artifacts"
SITE_PACKAGES, LIBPYTHON = "/python/site-packages", "/python/lib"


@dataclass(frozen=True, kw_only=True)
class SwiftRoot:
    """A root with Swift, and the folders of this machine that are mounted in it."""

    root: Path
    writable: Mapping[str, Path]
    readable: Mapping[str, Path]

    def seeing(self, **folders: Path) -> "SwiftRoot":
        """Add folders to read: `seeing(artifacts=path)` mounts /artifacts."""
        more = {f"/{name}": path for name, path in folders.items()}
        return SwiftRoot(root=self.root, writable=self.writable, readable={**self.readable, **more})

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: str = WORK,
        usual_seconds: float = 60,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the root; the caller looks at the exit code."""
        lines = ["set -e", f"mount -t proc proc {_quoted(self.root / 'proc')}"]
        for inside, outside in {**self.readable, **self.writable}.items():
            point = self.root / inside.lstrip("/")
            point.mkdir(parents=True, exist_ok=True)
            lines.append(f"mount --bind {_quoted(outside)} {_quoted(point)}")
            if inside not in self.writable:
                lines.append(f"mount -o remount,ro,bind {_quoted(point)}")
        setting = [f"{name}={value}" for name, value in (environment or {}).items()]
        inner = f"cd {cwd} && exec {shlex.join(['env', *setting, *command])}"
        lines.append(f"exec chroot {_quoted(self.root)} /bin/bash -c {shlex.quote(inner)}")
        return subprocess.run(
            ["unshare", "--mount", "bash", "-c", "\n".join(lines)],
            capture_output=True, text=True, timeout=limit(usual_seconds), errors="replace",
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8",
                 "TMPDIR": WORK},
        )  # fmt: skip


def require(cache: Path) -> Path:
    """Return the root, made if it is missing; raises NotToBeHad."""
    root = cache / f"swift-{SUITE}"
    if not root.is_dir():
        _require_machine()
        begin = time.monotonic()
        aside = cache / f"swift-{SUITE}.partial"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            _install(cache, aside)
        except subprocess.CalledProcessError as error:
            text = (error.stderr or error.stdout or "").strip().splitlines()
            raise NotToBeHad(f"no Swift root: {error.cmd[0]}: {text[-1:]}") from error
        aside.rename(root)
        show(f"Swift root: made in {time.monotonic() - begin:.0f} s")
    return root


def _require_machine() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NotToBeHad("a Swift root needs Linux and root")
    for tool in ("apt-get", "dpkg-deb", "unshare", "chroot"):
        if shutil.which(tool) is None:
            raise NotToBeHad(f"a Swift root needs {tool}")
    if not KEYRING.is_file():
        raise NotToBeHad("a Swift root needs Debian's archive keys (debian-archive-keyring)")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        raise NotToBeHad("a Swift root needs mount namespaces, which are not allowed here")


def _install(cache: Path, root: Path) -> None:
    tools = unpack(cache, SUITE, ["debootstrap"])
    _run(
        [
            str(tools / "usr/sbin/debootstrap"), "--variant=minbase", f"--keyring={KEYRING}",
            SUITE, str(root), mirror(),
        ],
        {"DEBOOTSTRAP_DIR": str(tools / "usr/share/debootstrap")},
    )  # fmt: skip
    inside = (
        "apt-get -qq update && apt-get -qq install --no-install-recommends "
        + " ".join(PACKAGES)
        + " && apt-get clean"
    )
    script = f"mount -t proc proc {_quoted(root / 'proc')} && exec chroot {_quoted(root)} bash -c "
    _run(
        ["unshare", "--mount", "bash", "-c", script + shlex.quote(inside)],
        {"DEBIAN_FRONTEND": "noninteractive"},
    )


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=limit(180),
        env=os.environ | environment,
    )  # fmt: skip


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def python_folders() -> dict[str, Path]:
    """Return the folders of this Python's packages and of libpython: ExecuTorch needs both."""
    library = sysconfig.get_config_var("LIBDIR")
    if not sysconfig.get_config_var("Py_ENABLE_SHARED") or library is None:
        raise NotToBeHad("the ExecuTorch wheel asks for libpython, and this Python has none")
    return {SITE_PACKAGES: Path(sysconfig.get_path("purelib")), LIBPYTHON: Path(library)}
