"""A checkpoint for the command line to read."""

from pathlib import Path

import pytest
from safetensors.torch import save_file

from slide_mobile import models


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "test.safetensors"
    save_file(models.create("slide_swin_test").state_dict(), path)
    return path
