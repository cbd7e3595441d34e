"""What a model is converted to."""

from dataclasses import dataclass
from pathlib import Path

from slide_mobile.targets.tuning import BALANCED, Tune
from slide_mobile.tasks import Task

OUT = Path("artifacts")  # where artifact folders are made unless the caller says where


@dataclass(frozen=True)
class Format:
    """A target, and how its file is made; what is None is the target's default.

    `precision` is a recipe's name, `backend` what runs the file on the phone, and `via` the
    exporter that makes it. The task "features" leaves the classifier out: the file gives the
    feature maps of the four stages. `tune` names the core for which graph forms are chosen.
    """

    target: str
    precision: str | None = None
    backend: str | None = None
    via: str | None = None
    task: Task = "classify"
    tune: Tune = BALANCED


def folder_name(model: str, task: Task, target: str, precision: str) -> str:
    """Name of the artifact folder: <model>[-features]-<target>-<precision>."""
    return "-".join([model, *(["features"] if task == "features" else []), target, precision])
