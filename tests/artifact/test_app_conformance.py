"""Python and the apps accept and refuse the same artifacts (apps/conformance)."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from slide_mobile.artifact import documents, golden, manifest
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.index import Index
from slide_mobile.errors import GateFailed, SlideMobileError

FOLDER = Path(__file__).parents[2] / "apps/conformance"


def vectors(name: str, kind: str) -> Any:
    """Parametrize over the cases of a file that are `accepted` or `refused`."""
    cases = json.loads((FOLDER / name).read_text(encoding="utf-8"))[kind]
    assert cases
    ids = [case if isinstance(case, str) else case["name"] for case in cases]
    return pytest.mark.parametrize("case", cases, ids=map(ascii, ids))


@vectors("manifests.json", "accepted")
def test_a_good_manifest_is_read(case: dict[str, str]) -> None:
    manifest.read(case["text"].encode())


@vectors("manifests.json", "refused")
def test_a_bad_manifest_is_refused_in_one_line(case: dict[str, str]) -> None:
    with pytest.raises(SlideMobileError) as caught:
        manifest.read(case["text"].encode())
    text = str(caught.value)
    assert text.endswith(case["says"] or "")
    assert len(text) <= 300 and "\n" not in text


@vectors("indexes.json", "accepted")
def test_a_good_index_is_read(case: dict[str, str]) -> None:
    documents.decode(case["text"].encode(), Index)


@vectors("indexes.json", "refused")
def test_a_bad_index_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(documents.DocumentError):
        documents.decode(case["text"].encode(), Index)


@vectors("paths.json", "accepted")
def test_a_path_inside_the_folder_may_be_listed(case: str) -> None:
    assert msgspec.convert(case, manifest.FilePath) == case


@vectors("paths.json", "refused")
def test_any_other_path_may_not(case: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(case, manifest.FilePath)


@vectors("ppm.json", "accepted")
def test_a_golden_image_is_its_bytes(case: dict[str, Any], tmp_path: Path) -> None:
    pixels = read_golden(case, tmp_path)
    assert pixels.shape == (case["height"], case["width"], 3)
    assert base64.b64decode(case["ppm"]).endswith(pixels.tobytes())


@vectors("ppm.json", "refused")
def test_any_other_bytes_are_no_golden_image(case: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(GateFailed, match="is not a 3 x 2 PPM"):
        read_golden(case, tmp_path)


def read_golden(case: dict[str, Any], root: Path) -> np.ndarray:
    """Read a golden image from a folder whose manifest states this size."""
    text = json.loads((FOLDER / "manifests.json").read_text())["accepted"][0]["text"]
    plain = json.loads(text)
    plain["input"]["shape"] = [1, case["height"], case["width"], 3]
    read = manifest.read(json.dumps(plain).encode())
    file = root / read.golden[0].file
    file.parent.mkdir()
    file.write_bytes(base64.b64decode(case["ppm"]))
    artifact = ArtifactFolder(root=root, manifest=read, manifest_sha256="0" * 64)
    return golden.image(artifact, read.golden[0])
