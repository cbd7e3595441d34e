"""What the doctor says of this machine, and of one that lacks things."""

import importlib.metadata
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from slide_mobile import doctor, environments, targets
from slide_mobile.cli import main


def test_every_toolchain_of_the_development_environment_is_ready() -> None:
    found = doctor.diagnose()
    assert [toolchain.target for toolchain in found.toolchains] == targets.names()
    for toolchain in found.toolchains:
        assert toolchain.packages and toolchain.ready, toolchain
        assert toolchain.command == f"pip install 'slide-mobile[{toolchain.target}]'"


def test_an_absent_package_and_one_of_another_version_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "coremltools":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1" if name == "executorch" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = {t.target: t for t in doctor.diagnose().toolchains}
    assert not found["coreml"].ready and not found["executorch"].ready and found["onnx"].ready
    assert found["coreml"].packages[0].installed is None
    page = CliRunner().invoke(main, ["doctor"]).stdout
    assert "coremltools not installed" in page and "pip install 'slide-mobile[coreml]'" in page
    assert "executorch 0.1  (wanted" in page


def test_an_environment_is_named_with_the_command_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environments.FOLDER_VARIABLE, str(tmp_path))
    result = CliRunner().invoke(main, ["doctor", "--json"])
    assert result.exit_code == 0
    rows = {row["name"]: row for row in json.loads(result.stdout)["environments"]}
    assert rows.keys() == environments.ENVIRONMENTS.keys()
    assert rows["onnx2tf"]["ready"] is False
    assert rows["onnx2tf"]["command"] == environments.command("onnx2tf")


def test_a_checkout_that_is_not_installed_is_told_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "DISTRIBUTION", "slide-mobile-nowhere")
    result = CliRunner().invoke(main, ["doctor", "--quiet"])
    assert result.exit_code == 3 and result.output.count("\n") == 1
    assert "pip install '.[all]'" in result.output
