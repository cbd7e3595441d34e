"""Run an artifact's model file on images of the user, and say what it answers."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from slide_mobile.artifact.documents import Count, Fraction, Milliseconds, Name, Positive, Text
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import ArtifactError, UsageError
from slide_mobile.isolation import isolated
from slide_mobile.parity.running import run
from slide_mobile.parity.source import MOST_IMAGES
from slide_mobile.preprocess import Picture, UnreadableImage, find, pixels_of
from slide_mobile.progress import Progress, silent
from slide_mobile.targets import registry
from slide_mobile.targets.converter import Runner
from slide_mobile.tasks import LOGITS, Outputs

TOP = 5  # classes of an image, the likeliest first


class ClassProbability(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A class, and the softmax of its logit."""

    label: Text
    index: Count
    probability: Fraction


class FeatureMap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A map (1, H, W, C) or another output: its shape, and the range of its values."""

    name: Name
    shape: tuple[Positive, ...]
    lowest: float
    highest: float


class Prediction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file answers for one image, and how long it took.

    `classes` are the likeliest classes of a classifier, the likeliest first; `maps` are the
    feature maps of a backbone, or the outputs of a network of the user. `read_ms` is for decoding,
    cropping and resizing the image, and `run_ms` for the model file; both were measured once, so
    they are no benchmark.
    """

    image: Text
    classes: tuple[ClassProbability, ...] = ()
    maps: tuple[FeatureMap, ...] = ()
    read_ms: Milliseconds
    run_ms: Milliseconds


class Predictions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The object of `predict --json`; `unreadable` says why an image has no prediction."""

    artifact: Text
    runtime: Text
    trained: bool
    load_ms: Milliseconds
    predictions: Annotated[tuple[Prediction, ...], Meta(max_length=MOST_IMAGES)]
    unreadable: tuple[Text, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """An artifact's model file, loaded by the runtime that fits it on this machine."""

    artifact: ArtifactFolder
    runner: Runner
    labels: tuple[str, ...]
    load_ms: float

    @classmethod
    def load(cls, artifact: ArtifactFolder) -> "Predictor":
        """Verify the files and load the model; raises ArtifactError, GateFailed (integrity)."""
        artifact.verify()
        started = time.perf_counter()
        runner = registry.load(artifact.manifest.target).runner(artifact.model_path)
        return cls(
            artifact=artifact, runner=runner, labels=artifact.labels, load_ms=_ms_since(started)
        )

    def predict(self, image: Picture, *, top: int = TOP) -> tuple[Prediction, Outputs]:
        """Answer for one image, with the outputs of the file that the answer was read from.

        They are logits (1, num_classes), or maps (1, H, W, C), by name. Raises UnreadableImage, and
        ArtifactError for outputs that are not finite.
        """
        started, made = time.perf_counter(), self.artifact.manifest
        pixels = pixels_of(image, self.artifact.input_size)
        read_ms, started = _ms_since(started), time.perf_counter()
        outputs = run(self.runner, pixels[None], made.task, names=made.output_names)
        run_ms = _ms_since(started)
        self._require_finite(outputs)
        prediction = Prediction(
            image=str(image) if isinstance(image, str | PathLike) else "",
            classes=self._classes(outputs[LOGITS][0], top) if self.labels else (),
            maps=() if self.labels else tuple(_map(*item) for item in outputs.items()),
            read_ms=read_ms,
            run_ms=run_ms,
        )
        return prediction, outputs

    def _require_finite(self, outputs: Outputs) -> None:
        """Raise ArtifactError for NaN and infinite values, which are no answer."""
        if wrong := [name for name, x in outputs.items() if not np.isfinite(x).all()]:
            raise ArtifactError(
                f"{self.artifact.model_path} computes NaN or infinite values ({wrong[0]}); run "
                "slide-mobile check on it"
            )

    def _classes(self, logits: NDArray[np.float32], top: int) -> tuple[ClassProbability, ...]:
        """The likeliest classes; of equal ones, the first."""
        shares = np.exp(logits.astype(np.float64) - logits.max())
        shares /= shares.sum()
        best = np.argsort(-shares, kind="stable")[:top]
        return tuple(
            ClassProbability(label=self.labels[i], index=int(i), probability=float(shares[i]))
            for i in best
        )


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The predictions for some images, and pictures of feature maps, by image and map."""

    document: Predictions
    pictures: Mapping[tuple[int, str], NDArray[np.uint8]]


@isolated()
def predict(
    root: Path,
    images: Sequence[Path],
    *,
    top: int = TOP,
    pictures: bool = False,
    progress: Progress = silent,
) -> Answers:
    """Run an artifact's file on image files; those that cannot be read are named.

    With `pictures`, each feature map is returned as a gray (H, W) picture. Raises ArtifactError,
    GateFailed (integrity), and UnreadableImage if no image can be read.
    """
    progress("load the model")
    predictor = Predictor.load(ArtifactFolder.open(root))
    found: list[Prediction] = []
    drawn: dict[tuple[int, str], NDArray[np.uint8]] = {}
    unreadable: list[str] = []
    for path in images:
        progress(f"read and run {path.name}")
        try:
            prediction, outputs = predictor.predict(path, top=top)
        except UnreadableImage as error:
            unreadable.append(str(error))
            continue
        if pictures:
            maps = ((name, x) for name, x in outputs.items() if x.ndim == 4)
            drawn |= {(len(found), name): gray(x) for name, x in maps}
        found.append(prediction)
    if not found:
        raise UnreadableImage(unreadable[0])
    document = Predictions(
        artifact=str(root),
        runtime=predictor.runner.runtime,
        trained=predictor.artifact.manifest.model.trained,
        load_ms=predictor.load_ms,
        predictions=tuple(found),
        unreadable=tuple(unreadable),
    )
    return Answers(document=document, pictures=drawn)


def image_files(paths: Sequence[Path]) -> list[Path]:
    """The images among files and folders, in order; raises UsageError where one is missing."""
    found = [file for path in paths for file in (find(path) if path.is_dir() else [path])]
    if missing := [path for path in found if not path.exists()]:
        raise UsageError(f"there is no image {missing[0]}")
    if len(found) > MOST_IMAGES:
        raise UsageError(f"{len(found)} images are given; give at most {MOST_IMAGES} at once")
    return found


def gray(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A (1, H, W, C) map as a picture (H, W): mean magnitude of the channels, from 0 to 255."""
    size = np.abs(x[0]).mean(axis=-1)
    return (size * (255 / max(float(size.max()), 1e-12))).round().astype(np.uint8)


def _map(name: str, x: NDArray[np.float32]) -> FeatureMap:
    """The facts about a feature map."""
    return FeatureMap(name=name, shape=x.shape, lowest=float(x.min()), highest=float(x.max()))


def _ms_since(started: float) -> float:
    """Milliseconds since a moment of the performance counter."""
    return (time.perf_counter() - started) * 1e3
