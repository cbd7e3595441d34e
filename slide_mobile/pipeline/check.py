"""Check an artifact: run its file from disk against PyTorch again.

The child process does the work (checking.py). This one does not even import PyTorch, which would
take a second more.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from slide_mobile.isolation import isolated
from slide_mobile.isolation.files import StrPath
from slide_mobile.parity.check_result import CheckResult
from slide_mobile.progress import Progress, automatic
from slide_mobile.progress.shown import visible

if TYPE_CHECKING:
    from slide_mobile.pipeline.checking import Samples


@visible
@isolated()
def check(
    root: StrPath,
    *,
    samples: "Samples" = "evaluation",
    folder: StrPath | None = None,
    checkpoint: StrPath | None = None,
    module: str | None = None,
    modules: bool | None = None,
    full: bool = False,
    progress: Progress = automatic,
) -> CheckResult:
    """Compare what an artifact's file computes with what PyTorch computes.

    The reference is rebuilt where its weights are at hand: the bundled demo, seeded untrained
    models, `checkpoint`, or the network that `module` makes, a FILE.py:FUNCTION. Elsewhere, and
    for the samples "golden", what was recorded for the golden images stands for it. `folder` holds
    class folders, or images without labels. With a rebuilt reference the modules are compared, too;
    `modules` true requires that, false leaves it out. `full` compares the demo on all of its
    held-out drawings. Raises ArtifactError, GateFailed (integrity), UsageError.
    """
    from slide_mobile.pipeline import checking

    images = None if folder is None else Path(folder)
    return checking.check(Path(root), samples, images, checkpoint, module, modules, full, progress)
