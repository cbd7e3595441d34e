"""Golden images of a report, with what PyTorch and each artifact see in them."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slide_mobile.artifact import golden
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Golden
from slide_mobile.parity.check_result import GoldenParity
from slide_mobile.preprocess import Pixels
from slide_mobile.report.entries import Entry

SHOWN = 4  # golden images: more say nothing new, and cost bytes
BEST = 3  # classes shown for an image


@dataclass(frozen=True, kw_only=True)
class Guess:
    """One class of an image, with its share of the softmax in 0..1."""

    label: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one artifact gave for a golden image; features have no guesses."""

    entry: str
    sqnr_db: float
    guesses: tuple[Guess, ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One golden image of a model, PyTorch's recorded guesses, and the artifacts' answers."""

    model: str
    file: str
    label: str | None
    pixels: Pixels
    guesses: tuple[Guess, ...]
    answers: tuple[Answer, ...]


def pictures(entries: Sequence[Entry]) -> tuple[Picture, ...]:
    """The golden images, each once, with the answer of every artifact that carries it."""
    found: dict[tuple[str, str], Picture] = {}
    for entry in entries:
        manifest = entry.artifact.manifest
        for item, compared in _answered(entry):
            key = (manifest.model.name, manifest.files[item.file])
            picture = found.get(key) or _picture(entry.artifact, item)
            answer = Answer(
                entry=entry.name,
                sqnr_db=compared.sqnr_db,
                guesses=_guesses(compared.logits, entry.artifact.labels),
            )
            found[key] = dataclasses.replace(picture, answers=(*picture.answers, answer))
    return tuple(found.values())


def _answered(entry: Entry) -> Iterator[tuple[Golden, GoldenParity]]:
    """The golden images that are shown, with the check of each."""
    if entry.check is not None:
        yield from zip(entry.artifact.manifest.golden[:SHOWN], entry.check.golden, strict=False)


def _picture(art: ArtifactFolder, item: Golden) -> Picture:
    """A golden image with what PyTorch gave for it, without answers."""
    logits = None if item.logits is None else np.array(item.logits, np.float32)
    return Picture(
        model=art.manifest.model.name,
        file=item.file,
        label=item.label,
        pixels=golden.image(art, item),
        guesses=_guesses(logits, art.labels),
        answers=(),
    )


def _guesses(logits: NDArray[np.float32] | None, labels: Sequence[str]) -> tuple[Guess, ...]:
    """The likeliest classes for (num_classes,) logits, none for features."""
    if logits is None:
        return ()
    exponents = np.exp(logits.astype(np.float64) - logits.max())
    shares = exponents / exponents.sum()
    order = np.argsort(-shares, kind="stable")[:BEST]
    return tuple(Guess(label=labels[i], share=float(shares[i])) for i in order)
