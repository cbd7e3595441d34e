"""The parity report: the numbers of a comparison with PyTorch, and the floors that they miss."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from slide_mobile.artifact.documents import Count, Decibels, Text
from slide_mobile.artifact.manifest import Accuracy, OutputParity, Parity
from slide_mobile.errors import ArtifactError
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.recipes import Recipe
from slide_mobile.tasks import LOGITS, Outputs

Rows = NDArray[np.float32]  # (samples, num_classes)

# From this number of images on, one of them may disagree; an artifact has as many golden images.
FEW = 8


class ModuleParity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The error of one module's output against PyTorch's.

    `sqnr_db` includes the errors of all earlier modules. For `own_db`, PyTorch's earlier modules
    are given the file's outputs, so it measures only the error that is added after them.
    """

    module: Text
    order: Count  # position in the order of execution, from 0
    sqnr_db: Decibels
    own_db: Decibels


@dataclass(frozen=True, kw_only=True)
class ParityReport:
    """The numbers of one comparison, and the floors that they miss.

    Every output has to reach the SQNR floor. `top1_agreement` is None for feature maps.
    """

    recipe: Recipe
    trained: bool
    outputs: tuple[OutputParity, ...]
    top1_agreement: float | None
    samples: int
    accuracy: Accuracy | None = None

    @property
    def sqnr_db(self) -> float:
        """SQNR of the worst output, in dB."""
        return min(output.sqnr_db for output in self.outputs)

    @property
    def max_abs(self) -> float:
        """Largest absolute error of any output."""
        return max(output.max_abs for output in self.outputs)

    @property
    def failures(self) -> tuple[str, ...]:
        """One line for each floor that was missed."""
        lines, recipe = [], self.recipe
        for output in self.outputs:
            if output.sqnr_db < recipe.min_sqnr_db:
                name = "" if len(self.outputs) == 1 else f"{output.name}: "
                lines.append(
                    f"{name}SQNR {output.sqnr_db:.1f} dB, the floor is {recipe.min_sqnr_db:g} dB"
                )
        if self.trained and self.top1_agreement is not None:
            disagreeing = round(self.samples * (1 - self.top1_agreement))
            if disagreeing > _allowed(self.samples, 1 - recipe.min_top1_agreement):
                lines.append(
                    f"top-1 agreement {self.top1_agreement:.1%} on {self.samples} images, "
                    f"the floor is {recipe.min_top1_agreement:.1%}"
                )
        if self.trained and self.accuracy is not None and self.accuracy.lost is not None:
            count, lost = self.accuracy.images, self.accuracy.lost
            if lost > _allowed(count, recipe.max_top1_drop):
                lines.append(
                    f"task top-1 drops by {100 * lost / count:.2f} points, "
                    f"the limit is {100 * recipe.max_top1_drop:g}"
                )
        return tuple(lines)

    @property
    def passed(self) -> bool:
        """Whether every floor was reached."""
        return not self.failures

    def document(self, *, images: str, runtime: str) -> Parity:
        """Return the manifest's `parity`; `images` names the images, `runtime` the executor."""
        gated = self.trained and self.top1_agreement is not None
        return Parity(
            passed=self.passed,
            sqnr_db=round(self.sqnr_db, 2),
            min_sqnr_db=self.recipe.min_sqnr_db,
            max_abs=self.max_abs,
            top1_agreement=self.top1_agreement,
            min_top1_agreement=self.recipe.min_top1_agreement if gated else None,
            outputs=tuple(map(rounded, self.outputs)),
            samples=self.samples,
            images=images,
            runtime=runtime,
        )


def rounded(output: OutputParity) -> OutputParity:
    """Round the decibels of an output as documents print them."""
    return msgspec.structs.replace(output, sqnr_db=round(output.sqnr_db, 2))


def compare_outputs(
    reference: Outputs,
    output: Outputs,
    *,
    recipe: Recipe,
    trained: bool,
    labels: Sequence[int] | None = None,
) -> ParityReport:
    """Compare two sets of outputs for the same images: logits, or every feature map."""
    for name, rows in reference.items():
        if output[name].shape != rows.shape:
            raise ArtifactError(
                f"the model file's {name} have the shape {output[name].shape}, PyTorch's have "
                f"{rows.shape}; convert the model again"
            )
    if set(reference) == {LOGITS} and reference[LOGITS].ndim == 2:
        return compare(
            reference[LOGITS], output[LOGITS], recipe=recipe, trained=trained, labels=labels
        )
    return ParityReport(
        recipe=recipe,
        trained=trained,
        outputs=tuple(_output(name, rows, output[name]) for name, rows in reference.items()),
        top1_agreement=None,
        samples=min(map(len, reference.values())),
    )


def compare(
    reference: Rows,
    output: Rows,
    *,
    recipe: Recipe,
    trained: bool,
    labels: Sequence[int] | None = None,
) -> ParityReport:
    """Compare logits row by row; if the true `labels` are known, measure task top-1, too."""
    chosen, expected = output.argmax(1), reference.argmax(1)
    accuracy = None
    if labels is not None:
        truth = np.asarray(labels)
        accuracy = Accuracy(
            top1=float((chosen == truth).mean()),
            reference_top1=float((expected == truth).mean()),
            images=len(truth),
        )
    return ParityReport(
        recipe=recipe,
        trained=trained,
        outputs=(_output(LOGITS, reference, output),),
        top1_agreement=float((chosen == expected).mean()) if _finite(reference, output) else 0.0,
        samples=len(output),
        accuracy=accuracy,
    )


def _output(name: str, reference: Rows, output: Rows) -> OutputParity:
    """Compare one output; NaN and infinity give the worst numbers."""
    finite = _finite(reference, output)
    return OutputParity(
        name=name,
        sqnr_db=sqnr_db(reference, output),
        max_abs=float(np.abs(reference - output).max()) if finite else float(np.finfo("f4").max),
    )


def _finite(*rows: Rows) -> bool:
    """Whether no value is NaN or infinite."""
    return all(bool(np.isfinite(x).all()) for x in rows)


def _allowed(samples: int, share: float) -> int:
    """Return how many samples may disagree: this share of them, but at least one.

    One disagreement is allowed because a single tie proves nothing. Among fewer than FEW samples,
    none is allowed.
    """
    return max(int(samples * share + 1e-9), 1 if samples >= FEW else 0)
