"""What the system sees of all commands: no socket to a network, and no file written elsewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import every_command
import pytest

CALLS = "socket,execve,open,openat,creat,mkdir,mkdirat,rename,renameat2,symlinkat,linkat,unlinkat"
NETWORK = re.compile(r"socket\((AF_INET6?|AF_PACKET|AF_NETLINK)")
WRITTEN = re.compile(
    r'(?:open|openat|creat)\([^"]*"([^"]*)".*O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)'
    r'|(?:mkdir|rename|symlink|link|unlink)\w*\([^"]*"([^"]*)"'
)
# What is no file of anybody.
NO_FILES = ("/dev/null", "/dev/full", "/dev/tty", "/dev/shm/", "/proc/")


def test_every_command_is_called() -> None:
    assert sorted(every_command.CALLS) == sorted(every_command.names())


def test_a_line_of_a_trace_is_understood() -> None:
    lines = (
        '9 openat(AT_FDCWD, "/etc/x", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 3',
        '9 openat(AT_FDCWD, "/usr/lib/x.so", O_RDONLY|O_CLOEXEC) = 3',
        '9 mkdir("/home/x", 0777) = 0',
        '9 rename("/tmp/box/a", "/home/b") = 0',
        '9 openat(AT_FDCWD, "/etc/x", O_RDWR) = -1 EACCES (Permission denied)',
    )
    assert [path for line in lines for path in written(line)] == [
        "/etc/x", "/home/x", "/tmp/box/a", "/home/b",
    ]  # fmt: skip


def written(line: str) -> list[str]:
    """Paths that a call of the system, which succeeded, made, changed or removed."""
    if not WRITTEN.search(line) or " = -1 " in line:
        return []
    is_open = "open" in line.split("(")[0]
    return re.findall(r'"([^"]*)"', line)[: 1 if is_open else 2]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this machine")
def test_no_command_opens_a_socket_or_writes_elsewhere(tmp_path: Path) -> None:
    box = tmp_path / "box"
    for name in ("home", "tmp", "work"):
        (box / name).mkdir(parents=True)
    planted = box / "planted"  # what ONNX Runtime's telemetry would follow, and make
    (box / "tmp" / ".ses").symlink_to(planted)
    trace = tmp_path / "trace"
    kept = ("PATH", "LD_LIBRARY_PATH", "LANG", "OMP_NUM_THREADS")
    environment = {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": str(box / "home"), "TMPDIR": str(box / "tmp"), "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }  # fmt: skip
    done = subprocess.run(
        ["strace", "--seccomp-bpf", "-f", "-qq", "-s", "4096", "-e", f"trace={CALLS}", "-o", trace,
         sys.executable, every_command.__file__],
        cwd=box / "work", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = trace.read_text(errors="replace").splitlines()
    assert sum("execve(" in line for line in lines) >= 5  # it traces, children too
    assert [line for line in lines if NETWORK.search(line)] == []
    paths = [path for line in lines for path in written(line)]
    assert any(path.endswith("manifest.json") or "partial" in path for path in paths)
    elsewhere = [
        path for path in paths
        if path.startswith("/") and not path.startswith((str(box), *NO_FILES))
    ]  # fmt: skip
    assert elsewhere == []
    assert not planted.exists() and [path.name for path in (box / "tmp").iterdir()] == [".ses"]
