"""What `doctor` reports about this machine, and about one that lacks things."""

import importlib.metadata
import json
import platform
import sys
import tempfile
from pathlib import Path

import fake_lab
import installed
import pytest
from click.testing import CliRunner
from fake_lab import FakeLab, part

from slide_mobile.cli import main
from slide_mobile.doctor import diagnosis, known_bad, resources
from slide_mobile.lab import catalogue
from slide_mobile.targets import cached_folders, environments, registry


@pytest.mark.parametrize("target", registry.names())
def test_every_toolchain_of_the_development_environment_is_ready(target: str) -> None:
    toolchains = diagnosis.diagnose().toolchains
    assert [toolchain.target for toolchain in toolchains] == registry.names()
    (toolchain,) = (toolchain for toolchain in toolchains if toolchain.target == target)
    assert toolchain.command == f"pip install 'slide-mobile[{target}]'"
    if target in installed.MISSING:
        pytest.skip(installed.MISSING[target])
    assert toolchain.packages and toolchain.ready, toolchain


def test_an_absent_package_and_one_of_another_version_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "coremltools":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1" if name == "executorch" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = {t.target: t for t in diagnosis.diagnose().toolchains}
    assert not found["coreml"].ready and not found["executorch"].ready and found["onnx"].ready
    assert found["coreml"].packages[0].installed is None
    page = CliRunner().invoke(main, ["doctor"]).stdout
    assert "coremltools not installed" in page and "pip install 'slide-mobile[coreml]'" in page
    assert "executorch 0.1  (needs" in page


def test_an_environment_is_named_with_the_command_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path))
    result = CliRunner().invoke(main, ["doctor", "--json"])
    assert result.exit_code == 0
    rows = {row["name"]: row for row in json.loads(result.stdout)["environments"]}
    assert rows.keys() == environments.ENVIRONMENTS.keys()
    assert rows["onnx2tf"]["ready"] is False
    assert rows["onnx2tf"]["command"] == environments.command("onnx2tf")


def test_labs_are_listed_with_one_command_for_those_that_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path))
    ready = FakeLab().lab("ready")
    missing = [FakeLab().lab(name, parts=(part(size_bytes=3_000_000_000),)) for name in ("a", "b")]
    fake_lab.install(monkeypatch, ready, *missing)
    found = diagnosis.diagnose()
    assert [(lab.name, lab.ready) for lab in found.labs] == [
        ("ready", True), ("a", False), ("b", False),
    ]  # fmt: skip
    assert found.labs[1].command == "slide-mobile lab setup a"
    page = CliRunner().invoke(main, ["doctor"], env={"COLUMNS": "200"}).stdout
    lines = [" ".join(line.split()) for line in page.splitlines()]
    where = lines.index("ready labs: ready")
    assert lines[where + 1 : where + 3] == ["missing labs: a, b", "slide-mobile lab setup a b"]
    # The part that both need takes room once.
    before = found.resources[-1].needed_bytes
    fake_lab.install(monkeypatch, ready)
    assert before - diagnosis.diagnose().resources[-1].needed_bytes == 3_000_000_000


def test_labs_need_no_toolchain_to_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "ai-edge-litert":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = {lab.name: lab for lab in diagnosis.diagnose().labs}
    assert found.keys() == catalogue.LABS.keys() and not found["arm64-a76"].ready


def test_a_checkout_that_is_not_installed_learns_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnosis, "DISTRIBUTION", "slide-mobile-nowhere")
    result = CliRunner().invoke(main, ["doctor", "--quiet"])
    assert result.exit_code == 3 and result.output.count("\n") == 1
    assert "pip install '.[all]'" in result.output


def test_each_toolchain_says_what_it_makes_possible_here() -> None:
    found = {t.target: t.possible for t in diagnosis.diagnose().toolchains}
    assert "LiteRT" in found["tflite"] and "ONNX Runtime" in found["onnx"]
    assert ("evaluator" in found["coreml"]) == (platform.system() != "Darwin")


def test_a_package_whose_needs_are_here_in_another_version_is_a_conflict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.metadata.version
    assert diagnosis.diagnose().conflicts == ()

    def version(name: str) -> str:
        return "1.26.4" if name == "numpy" else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    conflicts = {conflict.what: conflict for conflict in diagnosis.diagnose().conflicts}
    conflict = conflicts["executorch needs numpy>=2.0.0, but 1.26.4 is installed"]
    assert conflict.command == "pip install 'numpy>=2.0.0'"
    assert conflict.what in CliRunner().invoke(main, ["doctor"]).stdout


def test_onnx2tf_among_the_toolchains_is_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "1.29.24" if name == "onnx2tf" else real(name)
    )
    (conflict,) = diagnosis.diagnose().conflicts
    assert "onnx2tf is installed in this environment" in conflict.what
    removes = "pip uninstall -y onnx2tf && "
    assert conflict.command == removes + environments.command("onnx2tf")


def test_another_python_is_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "3.14.0")
    (conflict,) = diagnosis.diagnose().conflicts
    assert "Python 3.14.0" in conflict.what and "python3.11" in conflict.command


def test_bad_combinations_are_listed_for_the_targets_that_are_ready() -> None:
    for target in registry.names():
        rows = known_bad.concerning([target])
        assert rows and all(target in row.targets for row in rows)
    assert known_bad.concerning([]) == ()
    assert {target for row in known_bad.KNOWN_BAD for target in row.targets} <= {*registry.names()}


def test_memory_and_disk_are_compared_with_what_a_conversion_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "meminfo"
    memory.write_text("MemTotal:  8000000 kB\nMemAvailable:    3000000 kB\n")
    monkeypatch.setattr(resources, "_MEMINFO", memory)
    monkeypatch.setattr(resources, "_CGROUP", tmp_path / "none")
    monkeypatch.setattr(sys, "platform", "linux")
    tiny, base, *disks = resources.survey(cache=tmp_path / "a" / "b", cache_bytes=1)
    assert tiny.free_bytes == base.free_bytes == 3_072_000_000
    assert tiny.enough and not base.enough
    assert [disk.kind for disk in disks] == ["disk"] * 3
    assert all(disk.free_bytes for disk in disks) and disks[2].enough
    assert len(resources.survey(cache=tmp_path, cache_bytes=0)) == 4


def test_a_container_has_no_more_memory_than_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("2000\n")
    (tmp_path / "memory.stat").write_text("anon 900\ninactive_file 500\n")
    monkeypatch.setattr(resources, "_CGROUP", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert resources.free_memory() == 3500  # files in memory are given back when they are wanted
    (tmp_path / "memory.max").write_text("max\n")
    free = resources.free_memory()
    assert free is not None and free > 3000


def test_folders_that_are_gone_or_closed_have_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "cwd", refuse)
    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    *_, here, temporary = resources.survey(cache=tmp_path, cache_bytes=0)
    assert here.where == "." and temporary.where == str(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda _: denied())
    assert resources._free_disk(tmp_path) == 0


def denied() -> bool:
    raise PermissionError


def test_a_torch_with_cuda_is_a_conflict_until_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    real_requires, real_version = importlib.metadata.requires, importlib.metadata.version
    needs = ["nvidia-cudnn-cu13==9; platform_system == 'Linux'", "nvidia-nccl-cu13", "numpy"]
    known = {"nvidia-cudnn-cu13": "9"}
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: known.get(name) or real_version(name)
    )
    assert diagnosis.diagnose().conflicts == ()  # left behind, and not torch's
    monkeypatch.setattr(
        importlib.metadata,
        "requires",
        lambda name: needs if name == "torch" else real_requires(name),
    )
    (conflict,) = diagnosis.diagnose().conflicts
    assert (
        "torch is the CUDA build: it works, but nothing here uses CUDA, and its 1 NVIDIA package"
        in conflict.what
    )
    assert "--no-deps 'torch<2.14,>=2.13' --index-url" in conflict.command
    assert conflict.command.endswith("&& pip uninstall -y nvidia-cudnn-cu13")


def test_unknown_free_memory_is_not_called_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "_MEMINFO", tmp_path / "none")
    monkeypatch.setattr(sys, "platform", "linux")
    memory = resources.survey(cache=tmp_path, cache_bytes=0)[0]
    assert memory.free_bytes is None and memory.enough
    assert "unknown free" in CliRunner().invoke(main, ["doctor"]).stdout


def test_the_document_of_json_has_everything() -> None:
    plain = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)
    assert {"toolchains", "environments", "labs", "conflicts", "resources"} <= plain.keys()
    commands = (*plain["toolchains"], *plain["environments"], *plain["labs"])
    assert plain["known_bad"] and all(row["command"] for row in commands)
    assert all(row["command"] and isinstance(row["enough"], bool) for row in plain["resources"])


@pytest.mark.parametrize("width", [80, 60])
def test_the_page_fits_a_narrow_terminal_and_splits_no_word(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, "/nowhere")
    monkeypatch.setattr(resources, "_current_folder", lambda: Path("/here"))
    monkeypatch.setattr(resources, "_free_disk", lambda folder: 10**12)
    monkeypatch.setattr(resources, "free_memory", lambda: 10**12)
    diagnosed = diagnosis.diagnose()
    found = {row.command for row in diagnosed.environments}
    found.add(catalogue.command(*(lab.name for lab in diagnosed.labs if not lab.ready)))
    page, wide = (
        CliRunner().invoke(main, ["doctor"], env={"COLUMNS": str(columns)}).stdout
        for columns in (width, 1000)
    )
    # A command stays in one line, so that it can be copied.
    lines = [line for line in page.splitlines() if line.strip() not in found]
    assert max(map(len, lines)) <= width
    assert len(page.splitlines()) > len(wide.splitlines())
    assert page.split() == wide.split()


def test_a_path_longer_than_the_line_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_current_folder", lambda: Path("/" + "x" * 100))
    page = CliRunner().invoke(main, ["doctor"], env={"COLUMNS": "60"}).stdout
    assert "x" * 100 in "".join(page.split()) and "…" not in page
