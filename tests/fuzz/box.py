"""A folder for one case, and what may have changed in it afterwards.

work/       where the command starts; it may write to out, app, and where it writes by default
home/ tmp/  the user's; a command may keep a cache in home/.cache, and leaves tmp/ empty
outside/    what nobody may touch
"""

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

OURS = (
    "work/out", "work/app", "work/artifacts", "work/build", "work/a/model.sig", "home/.cache",
)  # fmt: skip
_KEPT = (
    "PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "OMP_NUM_THREADS", "LANG", "VIRTUAL_ENV",
)  # fmt: skip
Seen = dict[str, tuple[object, ...]]


class Box:
    """A folder for one case."""

    def __init__(self, root: Path) -> None:
        self.root, self.work, self.tmp = root, root / "work", root / "tmp"
        for folder in (self.work, self.tmp, root / "home", root / "outside"):
            folder.mkdir(parents=True)
        (root / "outside" / "kept").write_text("kept")

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """What a command finds in its environment; {box} in a value is this folder."""
        ours = {name: os.environ[name] for name in _KEPT if name in os.environ}
        # Under a limit on files, Python would leave half a .pyc, which no later run can load.
        ours |= {"PYTHONDONTWRITEBYTECODE": "1"}
        ours |= {"HOME": str(self.root / "home"), "TMPDIR": str(self.tmp), "COLUMNS": "100"}
        return ours | {name: text.replace("{box}", str(self.root)) for name, text in more.items()}

    def seen(self) -> Seen:
        """Everything that only the user may change."""
        found: Seen = {}
        self._look(self.root, found)
        return found

    def _look(self, folder: Path, found: Seen) -> None:
        for entry in os.scandir(folder):
            name = os.path.relpath(entry.path, self.root)
            if name in OURS:
                continue
            status = entry.stat(follow_symlinks=False)
            is_folder = stat.S_ISDIR(status.st_mode)
            link = str(Path(entry.path).readlink()) if entry.is_symlink() else ""
            changed = () if is_folder else (status.st_size, status.st_mtime_ns)
            found[name] = (status.st_mode, status.st_ino, link, *changed)
            if is_folder:
                self._look(Path(entry.path), found)

    def remove(self) -> None:
        """Delete it."""
        shutil.rmtree(self.root, ignore_errors=True)


def changes(before: Seen, after: Seen) -> list[str]:
    """What a command did to the user's files."""
    return [
        *(f"made {name}" for name in sorted(after.keys() - before.keys())),
        *(f"removed {name}" for name in sorted(before.keys() - after.keys())),
        *(f"changed {n}" for n in sorted(before.keys() & after.keys()) if before[n] != after[n]),
    ]
