"""What is installed, exported and imported."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import slide_mobile
from slide_mobile.targets import registry

ROOT = Path(__file__).parent.parent
HEAVY = {
    "ai_edge_litert", "ai_edge_quantizer", "coreai", "coreai_torch", "coremltools", "executorch",
    "jax", "litert_torch", "onnx", "onnxruntime", "torch", "torchao",
}  # fmt: skip
TOOLCHAINS = HEAVY - {"torch"}


LEAN = ("slide_mobile", "slide_mobile.cli", "slide_mobile.pipeline.check")


@pytest.mark.parametrize("module", LEAN)
def test_importing_is_lean(module: str) -> None:
    code = f"import sys, {module}; print({HEAVY!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


WITHOUT_TOOLCHAINS = """
import sys

sys.modules.update(dict.fromkeys({absent}))  # None: an import of it fails
sys.argv[1:] = {arguments}
from slide_mobile.__main__ import run
run()
"""


def without(absent: set[str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    code = WITHOUT_TOOLCHAINS.format(absent=absent, arguments=list(arguments))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_models_are_listed_without_any_toolchain() -> None:
    done = without(TOOLCHAINS, "models", "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "slide_swin_tiny" in {row["name"] for row in json.loads(done.stdout)}


@pytest.mark.parametrize("target", registry.names())
def test_a_missing_toolchain_is_exit_code_3_and_one_command(target: str, tmp_path: Path) -> None:
    done = without(TOOLCHAINS, "convert", "--to", target, "--out", str(tmp_path), "--quiet")
    assert_missing(done, target)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "backend", "package"),
    [
        ("coreai", "aimodel", "coreai"),
        ("coreai", "aimodel", "coreai_torch"),
        ("coreml", "mlprogram", "coremltools"),
        ("executorch", "coreml", "coremltools"),
        ("executorch", "coreml", "executorch"),
        ("executorch", "xnnpack", "torchao"),
        ("onnx", "cpu", "onnx"),
        ("onnx", "cpu", "onnxruntime"),
        ("onnx", "cpu", "onnxscript"),
        ("tflite", "xnnpack", "ai_edge_litert"),
        ("tflite", "xnnpack", "ai_edge_quantizer"),
        ("tflite", "xnnpack", "litert_torch"),
    ],
)
def test_each_package_of_a_toolchain_may_be_the_missing_one(
    target: str, backend: str, package: str, tmp_path: Path
) -> None:
    model = ("slide_swin_test", "--untrained", "--to", target, "--backend", backend)
    done = without({package}, "convert", *model, "--out", str(tmp_path), "--quiet")
    assert_missing(done, target)
    assert package in done.stderr and not any(tmp_path.iterdir())


def assert_missing(done: "subprocess.CompletedProcess[str]", target: str) -> None:
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1
    assert f"pip install 'slide-mobile[{target}]'" in done.stderr


def test_every_public_name_loads_from_its_home() -> None:
    for name in slide_mobile.__all__:
        assert getattr(slide_mobile, name).__name__.rpartition(".")[2] == name


def test_the_types_that_checkers_see_are_the_names_that_load() -> None:
    source = (ROOT / "slide_mobile/__init__.py").read_text()
    declared = re.findall(r"^    from \S+ import \w+ as (\w+)$", source, flags=re.MULTILINE)
    assert sorted(declared) == slide_mobile.__all__


def test_packages_are_reached_without_an_import_of_their_own() -> None:
    code = "import slide_mobile as s; print(s.models.names()[0], s.bench.measure.__name__, *dir(s))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("slide_cswin_tiny measure ")
    assert {"models", "report", "list_models", "write_report"} <= set(done.stdout.split())


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'convrt'"):
        slide_mobile.convrt  # noqa: B018


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    found = re.search(r"^## \[(\d+\.\d+\.\d+)\]", text, flags=re.MULTILINE)
    assert found is not None and found[1] == slide_mobile.__version__


def test_the_contract_that_keeps_converters_apart_covers_every_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = (
        c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "independence"
    )
    assert contract["modules"] == ["slide_mobile_converters.*"]


def test_every_target_has_an_extra_and_all_is_their_sum() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert extras.keys() == {*registry.names(), "all", "dev", "heic"}
    (everything,) = map(Requirement, extras["all"])
    assert everything.name == project["name"] and everything.extras == set(registry.names())


@pytest.mark.slow
def test_the_wheel_holds_the_packages_the_demo_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert top == {"slide_mobile", "slide_mobile_converters", "mil_evaluator"}
    data = {
        "bench/bench.schema.json", "demo/slide_swin_demo.safetensors",
        "artifact/manifest.schema.json", "models/census.json", "report/templates/report.html",
        "report/templates/style.css", "web/page/index.html", "py.typed",
    }  # fmt: skip
    assert {f"slide_mobile/{name}" for name in data} <= set(names)
    targets = {f"slide_mobile_converters/{name}/aliases.txt" for name in registry.names()}
    assert targets <= set(names)
    for source in (ROOT / "converters", ROOT):
        for package in ("slide_mobile_converters", "mil_evaluator"):
            written = {p.relative_to(source).as_posix() for p in (source / package).rglob("*.py")}
            assert written <= set(names)
