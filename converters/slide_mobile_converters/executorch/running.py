"""Run a .pte with ExecuTorch's runtime."""

from pathlib import Path

import torch
from executorch.exir._serialize._program import PTEFile
from executorch.exir.scalar_type import ScalarType
from executorch.exir.schema import Tensor
from executorch.runtime import Runtime

from slide_mobile.preprocess import Pixels
from slide_mobile_converters.executorch import payload


class Loaded:
    """The `forward` of a .pte, ready to run, a thread per core.

    Takes the file's bytes, because a mapped file that is overwritten kills the process. `path` is
    for the message: raises ArtifactError where the runtime refuses the file.
    """

    def __init__(self, content: bytes, path: Path) -> None:
        try:
            # Held, because it owns the weights: a method alone reads memory that was freed.
            self._program = Runtime.get().load_program(content)
            self._method = self._program.load_method(payload.FORWARD)
        except RuntimeError as error:
            raise payload.damaged(path, error) from error

    def __call__(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Every output for one input."""
        return list(self._method.execute([image]))


def tensor(file: PTEFile, image: Pixels) -> torch.Tensor:
    """(H, W, 3) bytes -> (1, 3, H, W) of the type that the method takes."""
    plan = payload.method(file)
    declared = plan.values[plan.inputs[0]].val
    assert isinstance(declared, Tensor)
    dtype = torch.float16 if declared.scalar_type == ScalarType.HALF else torch.float32
    return torch.from_numpy(image).permute(2, 0, 1)[None].to(dtype).contiguous()
