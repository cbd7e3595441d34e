"""What is gathered about artifacts: the verdict of `check`, damage, missing toolchains."""

from pathlib import Path

import pytest
from edited import gathered
from pages import Seen

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import ToolchainMissing
from slide_mobile.pipeline.check import check
from slide_mobile.report import writing
from slide_mobile.targets import registry


def test_the_verdict_is_that_of_check(artifacts: list[ArtifactFolder]) -> None:
    contents, _ = gathered(artifacts[:2], [])
    for entry in contents.entries:
        found = check(entry.artifact.root, samples="golden", modules=False)
        assert entry.check is not None and entry.check.document() == found.document()
        assert found.images == "golden images" and found.passed
        assert found.parity.samples == len(entry.artifact.manifest.golden) == len(found.golden)


def test_a_missing_toolchain_is_no_damage(
    artifacts: list[ArtifactFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(target: str) -> None:
        raise ToolchainMissing(target, "litert")

    monkeypatch.setattr(registry, "load", missing)
    written = writing.write_report([artifacts[0].root], tmp_path / "r.html")
    assert written.passed and written.artifacts[0].verdict == "not run"
    assert "pip install" in written.notes[0]
    assert "pip install" in Seen((tmp_path / "r.html").read_text()).text
