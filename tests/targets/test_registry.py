"""Converters are found by listing a folder, and blamed for the right thing."""

import builtins
import importlib
import importlib.metadata
import sys
from typing import Any, ClassVar

import pytest
from typing_converters import CONVERTERS

from slide_mobile import recipes
from slide_mobile.errors import ToolchainMissing, UnknownName
from slide_mobile.targets import converter, registry
from slide_mobile.targets.format import Format


def test_every_converter_defines_what_the_protocol_asks() -> None:
    asked = set(converter.Converter.__annotations__) | {
        name for name in vars(converter.Converter) if not name.startswith("_")
    }
    for name in registry.names():
        assert asked <= set(vars(registry.load(name)))


def test_the_type_checker_sees_every_converter() -> None:
    assert {name: registry.load(name) for name in registry.names()} == CONVERTERS


def test_every_runtime_has_a_version() -> None:
    for name in registry.names():
        runtime, distribution = registry.load(name).RUNTIME
        assert runtime and importlib.metadata.version(distribution)


def test_every_precision_of_a_converter_exists() -> None:
    for name in registry.names():
        for precisions in registry.load(name).BACKENDS.values():
            assert set(recipes.RECIPES) >= set(precisions)


@pytest.mark.parametrize(
    ("word", "target"),
    [
        ("TFLite", "tflite"),
        ("litert", "tflite"),
        ("pte", "executorch"),
        ("mlpackage", "coreml"),
        ("aimodel", "coreai"),
    ],
)
def test_targets_have_other_names(word: str, target: str) -> None:
    assert registry.expand(word) == [target]
    assert registry.canonical(Format(word, "W8A8")) == Format(target, "int8")


def test_all_stands_for_every_target() -> None:
    assert registry.expand("all") == registry.names()
    with pytest.raises(UnknownName):
        registry.canonical(Format("all"))


def test_no_name_stands_for_two_targets() -> None:
    every = [name for target in registry.names() for name in (target, *registry._aliases(target))]
    assert len(set(every)) == len(every) and registry.ALL not in every


def test_an_unknown_target_lists_the_known() -> None:
    with pytest.raises(UnknownName, match="known: coreai, coreml, executorch, onnx, tflite"):
        registry.load("tensorrt")


@pytest.mark.parametrize(
    ("target", "module", "package"),
    [
        ("coreai", "", "coreai"),
        ("coreai", ".writing", "coreai_torch"),
        ("coreml", "", "coremltools"),
        ("executorch", "", "executorch"),
        ("executorch", ".coreml_delegate", "coremltools"),
        ("onnx", "", "onnxruntime"),
        ("tflite", ".writing", "ai_edge_quantizer"),
        ("tflite", "", "ai_edge_litert"),
    ],
)
def test_a_missing_toolchain_names_the_command_that_installs_it(
    target: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_import(package, ModuleNotFoundError("No module", name=package), monkeypatch)
    with (
        pytest.raises(ToolchainMissing, match=rf"pip install 'slide-mobile\[{target}\]'") as e,
        registry.needs_toolchain(target),
    ):
        importlib.import_module(f"slide_mobile_converters.{target}{module}")
    assert e.value.exit_code == 3 and f"needs {package}, which is not installed" in str(e.value)


@pytest.mark.parametrize(
    "error", [ImportError("cannot import name\n'x'", name="onnx"), OSError("libx.so: no such file")]
)
def test_a_broken_toolchain_is_told_as_a_missing_one(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_import("onnxruntime", error, monkeypatch)
    with pytest.raises(ToolchainMissing, match="needs onnx, which cannot be loaded") as e:
        registry.load("onnx")
    assert e.value.exit_code == 3 and "\n" not in str(e.value)


def test_a_name_that_we_lack_is_a_bug_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    bug = ImportError("cannot import name 'x'", name="slide_mobile.recipes")
    no_import("onnxruntime", bug, monkeypatch)
    with pytest.raises(ImportError, match="cannot import name"):
        registry.load("onnx")


def no_import(package: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the next import of a package fail."""
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> object:
        relative = args[3] if len(args) > 3 else kwargs.get("level", 0)
        if not relative and name.split(".")[0] == package:
            raise error
        return real(name, *args, **kwargs)

    for name in [n for n in sys.modules if n.startswith("slide_mobile_converters.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)


class Two:
    BACKENDS: ClassVar = {"cpu": ("fp32", "int8"), "npu": ("fp16",)}
    EXPORTERS: ClassVar = {"direct": (), "detour": ()}


def choose(**asked: str) -> tuple[str, str, str]:
    backend, recipe, exporter = registry.choose(Two, Format("two", **asked))  # type: ignore[arg-type]
    return backend, recipe.name, exporter


def test_the_first_of_everything_is_the_default() -> None:
    assert choose() == ("cpu", "fp32", "direct")
    assert choose(backend="npu") == ("npu", "fp16", "direct")
    assert choose(precision="int8", via="detour") == ("cpu", "int8", "detour")


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (
            {"backend": "tpu"},
            r"no backend for two is named 'tpu'; did you mean 'npu'\? known: cpu, npu",
        ),
        ({"via": "onnx"}, "no exporter for two is named 'onnx'; known: direct, detour"),
        (
            {"backend": "npu", "precision": "int8"},
            "no precision for two on npu is named 'int8'; known: fp16$",
        ),
        (
            {"precision": "int4"},
            r"no precision for two on cpu is named 'int4'; did you mean 'int8'\? "
            r"known: fp32, int8$",
        ),
    ],
    ids=str,
)
def test_what_a_target_lacks_is_refused(asked: dict[str, str], line: str) -> None:
    with pytest.raises(UnknownName, match=line):
        choose(**asked)
