"""Compare artifacts of one model with each other, in pairs, and find the one that disagrees."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from slide_mobile import recipes
from slide_mobile.artifact.documents import Decibels, Fraction, NonNegative, Positive, Text
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import LABELS, OutputParity
from slide_mobile.errors import UsageError
from slide_mobile.parity import result
from slide_mobile.parity.result import ModuleParity
from slide_mobile.tasks import Outputs


class PairDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of `pairs` in the JSON of `check --against`."""

    a: Text
    b: Text
    sqnr_db: Decibels
    min_sqnr_db: Decibels
    max_abs: NonNegative
    outputs: tuple[OutputParity, ...]
    top1_agreement: Fraction | None
    min_top1_agreement: Fraction | None
    passed: bool


class AgreementDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON object of `check --against --json`: the keys of `check --json`, and the pairs."""

    artifact: Text
    against: tuple[Text, ...]
    passed: bool
    sqnr_db: Decibels
    max_abs: NonNegative
    top1_agreement: Fraction | None
    samples: Positive
    images: Text
    accuracy: None = None
    modules: tuple[ModuleParity, ...] = ()
    runtimes: tuple[Text, ...]
    pairs: tuple[PairDocument, ...]
    odd_one_out: Text | None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The comparison of two artifacts' outputs for the same images.

    `sqnr_db` and `max_abs` are those of the worst output. The floor `min_sqnr_db` allows each
    artifact the noise that its own recipe allows, and these two noise powers add up.
    `top1_agreement` is None for feature maps, and its floor is None where it is not a gate.
    """

    a: Path
    b: Path
    sqnr_db: float
    min_sqnr_db: float
    max_abs: float
    outputs: tuple[OutputParity, ...]
    top1_agreement: float | None
    min_top1_agreement: float | None

    @property
    def passed(self) -> bool:
        """Whether SQNR and top-1 agreement reach their floors."""
        agree = True
        if self.top1_agreement is not None and self.min_top1_agreement is not None:
            agree = self.top1_agreement >= self.min_top1_agreement
        return agree and self.sqnr_db >= self.min_sqnr_db

    def document(self) -> PairDocument:
        """Return the pair's JSON object in `check --against --json`."""
        values = vars(self) | {"a": str(self.a), "b": str(self.b)}
        values["outputs"] = tuple(map(result.rounded, self.outputs))
        return PairDocument(**values, passed=self.passed)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The comparison of artifacts with each other; `images` says where the images come from."""

    artifacts: tuple[Path, ...]
    pairs: tuple[Pair, ...]
    runtimes: tuple[str, ...]
    samples: int
    images: str

    @property
    def passed(self) -> bool:
        """Whether every pair agrees."""
        return all(pair.passed for pair in self.pairs)

    @property
    def odd_one_out(self) -> Path | None:
        """The one artifact of three or more that is in every failed pair, else None."""
        failed = [{pair.a, pair.b} for pair in self.pairs if not pair.passed]
        if len(self.artifacts) < 3 or not failed:
            return None
        suspects = set.intersection(*failed)
        return suspects.pop() if len(suspects) == 1 else None

    def document(self) -> AgreementDocument:
        """Return the JSON object of `check --against --json`."""
        odd = self.odd_one_out
        agreements = [p.top1_agreement for p in self.pairs if p.top1_agreement is not None]
        return AgreementDocument(
            artifact=str(self.artifacts[0]),
            against=tuple(map(str, self.artifacts[1:])),
            passed=self.passed,
            sqnr_db=min(pair.sqnr_db for pair in self.pairs),
            max_abs=max(pair.max_abs for pair in self.pairs),
            top1_agreement=min(agreements, default=None),
            samples=self.samples,
            images=self.images,
            runtimes=self.runtimes,
            pairs=tuple(pair.document() for pair in self.pairs),
            odd_one_out=None if odd is None else str(odd),
        )


def require_one_model(artifacts: Sequence[ArtifactFolder]) -> None:
    """Raise UsageError unless all artifacts have the same weights, input, task and labels."""
    first = artifacts[0]
    for other in artifacts[1:]:
        if first.root.resolve() == other.root.resolve():
            raise UsageError(
                f"{other.root} was given twice: give another artifact of the same model"
            )
        a, b = _identity(first), _identity(other)
        for key, value in a.items():
            if value != b[key]:
                raise UsageError(
                    f"{first.root} and {other.root} are not artifacts of the same model: "
                    f"{key} {value} and {b[key]}"
                )


def compare(
    artifacts: Sequence[ArtifactFolder],
    outputs: Sequence[Outputs],
    *,
    runtimes: Sequence[str],
    images: str,
) -> Agreement:
    """Compare the outputs of every pair of artifacts for the same images."""
    rows = list(zip(artifacts, outputs, strict=True))
    return Agreement(
        artifacts=tuple(artifact.root for artifact in artifacts),
        pairs=tuple(_pair(*a, *b) for a, b in itertools.combinations(rows, 2)),
        runtimes=tuple(runtimes),
        samples=min(map(len, outputs[0].values())),
        images=images,
    )


def _pair(a: ArtifactFolder, outputs_a: Outputs, b: ArtifactFolder, outputs_b: Outputs) -> Pair:
    """Compare the outputs of two artifacts, and derive the floors from both recipes."""
    recipe_a, recipe_b = (recipes.lookup(art.manifest.precision) for art in (a, b))
    noise = sum(10 ** (-recipe.min_sqnr_db / 10) for recipe in (recipe_a, recipe_b))
    agreement = recipe_a.min_top1_agreement + recipe_b.min_top1_agreement - 1
    report = result.compare_outputs(outputs_a, outputs_b, recipe=recipe_a, trained=False)
    gated = a.manifest.model.trained and report.top1_agreement is not None
    return Pair(
        a=a.root,
        b=b.root,
        sqnr_db=round(report.sqnr_db, 2),
        min_sqnr_db=round(-10 * math.log10(noise), 2),
        max_abs=report.max_abs,
        outputs=report.outputs,
        top1_agreement=report.top1_agreement,
        min_top1_agreement=round(agreement, 6) if gated else None,
    )


def _identity(artifact: ArtifactFolder) -> dict[str, object]:
    """Return what all artifacts of one model share, by the name that an error message uses."""
    facts, taken = artifact.manifest.model, artifact.manifest.input
    return {
        "name": facts.name,
        "task": artifact.manifest.task,
        "num_classes": facts.num_classes,
        "checkpoint_sha256": facts.checkpoint_sha256,
        "input size": "x".join(map(str, artifact.input_size)),
        "mean": list(taken.mean),
        "std": list(taken.std),
        "labels": artifact.manifest.files.get(LABELS),
    }
