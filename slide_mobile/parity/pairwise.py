"""Do artifacts of one model agree with each other? Every pair, and the odd one out."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from slide_mobile import recipes
from slide_mobile.artifact.documents import Decibels, Fraction, NonNegative, Positive, Text
from slide_mobile.artifact.folder import Artifact
from slide_mobile.artifact.manifest import LABELS, OutputParity
from slide_mobile.errors import UsageError
from slide_mobile.parity import result
from slide_mobile.parity.check_result import ModuleError
from slide_mobile.tasks import Outputs


class PairDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the `pairs` of `check --against --json`."""

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
    """The object of `check --against --json`: the keys of `check --json`, and the pairs."""

    artifact: Text
    against: tuple[Text, ...]
    passed: bool
    sqnr_db: Decibels
    max_abs: NonNegative
    top1_agreement: Fraction | None
    samples: Positive
    images: Text
    accuracy: None = None
    modules: tuple[ModuleError, ...] = ()
    runtimes: tuple[Text, ...]
    pairs: tuple[PairDocument, ...]
    odd_one_out: Text | None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two artifacts' outputs for the same images; `passed` follows from the numbers.

    `sqnr_db` and `max_abs` are those of the worst output. Each artifact may be off by the floor of
    its own recipe, in its own direction: noise powers add. `top1_agreement` is None where there are
    no classes, and its floor is None where it is no gate.
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
        """Whether the two are as near to each other as their floors imply."""
        agree = True
        if self.top1_agreement is not None and self.min_top1_agreement is not None:
            agree = self.top1_agreement >= self.min_top1_agreement
        return agree and self.sqnr_db >= self.min_sqnr_db

    def document(self) -> PairDocument:
        """The pair as `check --against --json` prints it."""
        values = vars(self) | {"a": str(self.a), "b": str(self.b)}
        values["outputs"] = tuple(map(result.rounded, self.outputs))
        return PairDocument(**values, passed=self.passed)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Outcome of a comparison of artifacts with each other; `images` says on what."""

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
        """The only artifact that takes part in every disagreement, among three or more."""
        failed = [{pair.a, pair.b} for pair in self.pairs if not pair.passed]
        if len(self.artifacts) < 3 or not failed:
            return None
        suspects = set.intersection(*failed)
        return suspects.pop() if len(suspects) == 1 else None

    def document(self) -> AgreementDocument:
        """The object of `check --against --json`."""
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


def require_one_model(artifacts: Sequence[Artifact]) -> None:
    """Raise UsageError unless all were made from the same weights, for the same images."""
    first = artifacts[0]
    for other in artifacts[1:]:
        if first.root.resolve() == other.root.resolve():
            raise UsageError(f"{other.root} was given twice: give another artifact of the model")
        a, b = _identity(first), _identity(other)
        for key, value in a.items():
            if value != b[key]:
                raise UsageError(
                    f"{first.root} and {other.root} are not artifacts of one model: "
                    f"{key} {value} and {b[key]}"
                )


def compare(
    artifacts: Sequence[Artifact],
    outputs: Sequence[Outputs],
    *,
    runtimes: Sequence[str],
    images: str,
) -> Agreement:
    """Compare what every pair gives for the same images."""
    rows = list(zip(artifacts, outputs, strict=True))
    return Agreement(
        artifacts=tuple(artifact.root for artifact in artifacts),
        pairs=tuple(_pair(*a, *b) for a, b in itertools.combinations(rows, 2)),
        runtimes=tuple(runtimes),
        samples=min(map(len, outputs[0].values())),
        images=images,
    )


def _pair(a: Artifact, outputs_a: Outputs, b: Artifact, outputs_b: Outputs) -> Pair:
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


def _identity(artifact: Artifact) -> dict[str, object]:
    """What artifacts of one model have in common, by the name that an error gives it."""
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
