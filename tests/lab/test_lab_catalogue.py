"""All labs: found by name and by group, set up or not, and made once."""

import importlib.metadata
from dataclasses import replace
from pathlib import Path

import pytest
from fake_lab import FakeLab, install, part

from slide_mobile.errors import EnvironmentMissing, ToolchainMissing, UnknownName, UsageError
from slide_mobile.lab import catalogue
from slide_mobile.lab.browser import WEB
from slide_mobile.lab.catalogue import LABS
from slide_mobile.lab.cost.lab import COST
from slide_mobile.lab.labs import Lab
from slide_mobile.targets import cached_folders, environments, registry


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def names(labs: tuple[Lab, ...]) -> list[str]:
    return [lab.name for lab in labs]


def test_a_name_is_one_lab_and_a_prefix_is_its_group() -> None:
    assert names(catalogue.choose([])) == list(LABS)
    assert names(catalogue.choose(["gpu"])) == ["gpu"]
    arm64 = [name for name in LABS if name.startswith("arm64-")]
    assert len(arm64) >= 2 and names(catalogue.choose(["arm64"])) == arm64
    assert names(catalogue.choose(["arm64-a76", "gpu", "arm64"])) == [
        "arm64-a76", "gpu", *(name for name in arm64 if name != "arm64-a76"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["arm", "arm64-", "gpus", "", "../gpu"])
def test_another_name_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(UnknownName, match="no lab is named") as caught:
        catalogue.choose(["gpu", name])
    assert caught.value.exit_code == 2


def test_every_lab_says_what_it_proves_and_runs_files_of_targets_that_there_are() -> None:
    for name, lab in LABS.items():
        assert name == lab.name and lab.proves and lab.leaves_open
        assert set(lab.targets) <= set(registry.names())
        assert bool(lab.targets) == (lab not in (COST, WEB))  # no executors
        assert set(lab.environments) <= set(environments.ENVIRONMENTS)


def test_a_lab_is_ready_when_everything_that_it_needs_is_made(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = part("one"), part("two", 5_000_000)
    labs = [FakeLab().lab("a", parts=(one,)), FakeLab().lab("b", parts=(one, two))]
    assert not any(map(catalogue.is_ready, labs))
    assert catalogue.missing_parts(labs) == (one, two)
    said: list[str] = []
    catalogue.setup(labs[:1], progress=lambda stage, done=None: said.append(stage))
    assert said == ["make one (1 MB): for a test"]
    assert [catalogue.is_ready(lab) for lab in labs] == [True, False]
    catalogue.setup(labs, progress=lambda stage, done=None: said.append(stage))
    assert said[1:] == ["make two (5 MB): for a test"]  # and `one` is not made again
    assert all(map(catalogue.is_ready, labs))
    assert {path.name for path in cache.glob("[!.]*")} == {one.root.name, two.root.name}


def test_environments_are_needed_too_and_made_once(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab,) = catalogue.choose(["runtimes-2.14"])
    created: list[str] = []
    monkeypatch.setattr(environments, "create", created.append)
    assert not catalogue.is_ready(lab)
    catalogue.setup([lab, lab])
    assert created == list(lab.environments)
    monkeypatch.setattr(environments, "exists", lambda name: name == lab.environments[0])
    assert catalogue.is_ready(lab)
    catalogue.setup([lab])
    assert created == list(lab.environments)


def test_what_was_made_before_an_error_stays(cache: Path) -> None:
    def fail(root: Path) -> None:
        root.mkdir()
        raise EnvironmentMissing("no network")

    one, bad = part("one"), replace(part("bad"), make=fail)
    with pytest.raises(EnvironmentMissing, match=r"^no network$"):
        catalogue.setup([FakeLab().lab(parts=(one, bad))])
    assert one.is_made and not bad.is_made
    assert [path.name for path in cache.glob("[!.]*")] == [one.root.name]


def test_what_is_not_set_up_is_named_with_the_one_command(cache: Path) -> None:
    labs = [FakeLab().lab("a"), *(FakeLab().lab(name, parts=(part(),)) for name in "bc")]
    catalogue.require_ready(labs[:1])
    with pytest.raises(EnvironmentMissing) as caught:
        catalogue.require_ready(labs)
    assert str(caught.value) == "not set up: b, c; run slide-mobile lab setup b c"
    assert caught.value.exit_code == 3
    assert catalogue.ready(labs) == (labs[0],)
    with pytest.raises(EnvironmentMissing, match="no lab is set up; run slide-mobile lab setup"):
        catalogue.ready(labs[1:])


def test_the_labs_of_a_gate_are_set_up_and_run_such_files(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, missing = FakeLab().lab("ready"), FakeLab().lab("missing", parts=(part(),))
    half = replace(FakeLab().lab("half"), weights="float16")
    install(monkeypatch, ready, missing, half)
    assert catalogue.for_gate([], "onnx", "fp32") == ()
    assert catalogue.for_gate(["ready", "half"], "tflite", "fp16") == (ready, half)
    with pytest.raises(UnknownName, match="no lab is named 'reddy'; did you mean 'ready'"):
        catalogue.for_gate(["reddy"], "tflite", "fp32")
    with pytest.raises(UsageError, match=r"'ready' runs files for tflite, fake, not for onnx$"):
        catalogue.for_gate(["ready"], "onnx", "fp32")
    with pytest.raises(UsageError, match=r"'half' does not run fp32 files; leave it out$"):
        catalogue.for_gate(["half"], "tflite", "fp32")
    with pytest.raises(EnvironmentMissing, match=r"run slide-mobile lab setup missing$"):
        catalogue.for_gate(["ready", "missing"], "tflite", "fp32")


def test_a_part_for_files_that_nobody_has_is_not_needed(cache: Path) -> None:
    needed, not_needed = (
        replace(part(name), package=package)
        for name, package in (("one", "slide_mobile"), ("two", "no_such_package"))
    )
    labs = [FakeLab().lab(parts=(needed, not_needed))]
    assert catalogue.missing_parts(labs) == (needed,)
    catalogue.setup(labs)
    assert needed.is_made and not not_needed.is_made and catalogue.is_ready(labs[0])


def test_without_its_toolchain_a_lab_is_missing_and_setting_it_up_says_what_it_lacks(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    (lab,) = catalogue.choose(["arm64-a76"])
    found = catalogue.state(lab)
    assert not found.ready and found.command == "slide-mobile lab setup arm64-a76"
    pinned = [part for part in lab.parts if part.name == "arm64"]
    monkeypatch.setattr(catalogue, "missing_parts", lambda labs: tuple(pinned))
    with pytest.raises(ToolchainMissing, match=r"pip install 'slide-mobile\[tflite\]'"):
        catalogue.setup([lab])
    assert not cache.exists()
