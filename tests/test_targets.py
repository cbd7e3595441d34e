"""Converters are found by listing a folder, and blamed for the right thing."""

import builtins
import sys

import pytest

from slide_mobile import recipes, targets
from slide_mobile.errors import ToolchainMissing, UnknownName, UsageError


def test_every_converter_defines_what_the_protocol_asks() -> None:
    asked = set(targets.Converter.__annotations__) | {
        name for name in vars(targets.Converter) if not name.startswith("_")
    }
    for name in targets.names():
        assert asked <= set(vars(targets.load(name)))


def test_every_precision_of_a_converter_exists() -> None:
    for name in targets.names():
        assert set(recipes.RECIPES) >= targets.load(name).RECIPES


def test_an_unknown_target_lists_the_known() -> None:
    with pytest.raises(UnknownName, match="known: tflite"):
        targets.load("tensorrt")


def test_a_planned_target_says_not_yet() -> None:
    with pytest.raises(UsageError, match="not yet"):
        targets.load("onnx")


def test_a_missing_toolchain_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def without_quantizer(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("ai_edge_quantizer"):
            raise ModuleNotFoundError(f"No module named {name!r}", name="ai_edge_quantizer")
        return real(name, *args, **kwargs)

    for name in [n for n in sys.modules if n.startswith("slide_mobile_converters.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_quantizer)
    with pytest.raises(ToolchainMissing, match=r"pip install 'slide-mobile\[tflite\]'") as caught:
        targets.load("tflite")
    assert caught.value.exit_code == 3


def test_a_precision_that_a_target_lacks_is_refused() -> None:
    class Bare:
        RECIPES = frozenset({"fp32"})

    with pytest.raises(UsageError, match="has no precision 'int8'; it has fp32"):
        targets.require_recipe("bare", Bare, recipes.lookup("int8"))  # type: ignore[arg-type]
