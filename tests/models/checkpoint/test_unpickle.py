"""Reading a pickled file: tensors equal those that torch reads, and no code in the file runs."""

import argparse
import builtins
import collections
import datetime
import functools
import importlib
import logging
import operator
import os
import pickle
import random
import re
import runpy
import struct
import subprocess
import sys
import uuid
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.testing._private.utils import runstring
from torch import Tensor, nn
from torch_files import LAYOUTS, WEIGHT, assemble, pick_all, refusal, save

from slide_mobile.models.checkpoint.torch_file import load
from slide_mobile.models.checkpoint.unpickle import Unreadable


class Call:
    """An object that pickles as a call of any function."""

    def __init__(self, function: object, *args: object) -> None:
        self.reduced = (function, args)

    def __reduce__(self) -> tuple[object, ...]:
        """Return the function to call and its arguments."""
        return self.reduced


def test_a_tensor_with_attributes_is_read(tmp_path: Path) -> None:
    tensor = WEIGHT.clone()
    tensor.origin = "here"  # type: ignore[attr-defined]
    loaded = load(save(tmp_path / "w.pth", {"w": tensor}), pick_all)["w"]
    assert isinstance(loaded, Tensor)
    assert torch.equal(loaded, WEIGHT)


@LAYOUTS
def test_a_foreign_config_is_neither_imported_nor_executed(zipped: bool, tmp_path: Path) -> None:
    parent, module = ModuleType("yacs"), ModuleType("yacs.config")
    source = (
        "import pathlib\n"
        "class CfgNode(dict):\n"
        "    def __init__(self, *a): super().__init__(*a); self.__dict__['frozen'] = False\n"
        "    def __setstate__(self, state): pathlib.Path(state['trace']).touch()\n"
    )
    exec(source, module.__dict__)
    sys.modules |= {"yacs": parent, "yacs.config": module}
    trace = tmp_path / "trace"
    try:
        config = module.CfgNode({"MODEL": module.CfgNode({"TYPE": "slide_swin", "DEPTHS": [2, 2]})})
        config.__dict__["trace"] = str(trace)
        path = save(tmp_path / "w.pth", {"w": WEIGHT, "config": config}, zipped=zipped)
    finally:
        del sys.modules["yacs"], sys.modules["yacs.config"]
    loaded = load(path, pick_all)
    assert loaded.keys() == {"w"}
    assert not trace.exists()
    assert not {"yacs", "yacs.config"} & sys.modules.keys()


@LAYOUTS
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_ordinary_company_of_weights_does_not_stop_the_reading(
    zipped: bool, protocol: int, tmp_path: Path
) -> None:
    parameter = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([parameter])
    parameter.grad = torch.ones(2)
    optimizer.step()
    company = {
        "w": WEIGHT,
        "optimizer": optimizer.state_dict(),
        "optimizer itself": optimizer,
        "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 3),
        "args": argparse.Namespace(lr=1e-3, device=torch.device("cpu"), dtype=torch.float16),
        "numpy": [np.float64(0.8), np.arange(3), np.random.default_rng(0).random(2)],
        "python": [{1}, frozenset({2}), 1j, slice(1), range(3), bytearray(b"x"), b"x", type(None)],
        "collections": [collections.defaultdict(list, a=[1]), collections.Counter("aab")],
        "when": {datetime.datetime(2023, 6, 1), datetime.timedelta(1)},
        "where": Path("x"),
        "run": uuid.uuid4(),
        "pattern": re.compile("a+", re.IGNORECASE),
        "activation": functools.partial(nn.LayerNorm, eps=1e-6),
        "randomness": [np.random.RandomState(0), np.random.default_rng(1), random.Random(2)],
        "log": logging.getLogger("train"),
        "share": Fraction(1, 3),
        "shape": WEIGHT.shape,
        datetime.date(2023, 6, 1): "an object as a key",
    }
    path = save(tmp_path / "w.pth", company, zipped=zipped, protocol=protocol)
    assert load(path, pick_all).keys() == {"w"}


GADGETS: dict[str, Callable[[Path], object]] = {
    "posix.system": lambda trace: Call(os.system, f"touch {trace}"),
    "subprocess.Popen": lambda trace: Call(subprocess.Popen, ["touch", str(trace)]),
    "builtins.eval": lambda trace: Call(eval, f"open({str(trace)!r}, 'w')"),
    "builtins.exec": lambda trace: Call(exec, f"open({str(trace)!r}, 'w')"),
    "io.open": lambda trace: Call(open, str(trace), "w"),
    "builtins.__import__": lambda trace: Call(builtins.__import__, "antigravity"),
    "importlib.import_module": lambda trace: Call(importlib.import_module, "antigravity"),
    "runpy.run_path": lambda trace: Call(runpy.run_path, str(trace)),
    "functools.partial": lambda trace: functools.partial(os.system, f"touch {trace}"),
    "operator.attrgetter": lambda trace: operator.attrgetter("system"),
    "operator.methodcaller": lambda trace: operator.methodcaller("touch"),
    "pickle.loads": lambda trace: Call(pickle.loads, b"cos\nsystem\n(S'true'\ntR."),
    "torch.serialization.load": lambda trace: Call(torch.load, str(trace)),
    "torch.hub.load": lambda trace: Call(torch.hub.load, "owner/name", "model"),
    "numpy.testing._private.utils.runstring": lambda trace: Call(
        runstring, f"open({str(trace)!r}, 'w')", {}
    ),
}


@LAYOUTS
@pytest.mark.parametrize("name", GADGETS)
def test_a_file_that_wants_to_run_something_is_refused(
    name: str, zipped: bool, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    value = {"w": WEIGHT, "gadget": GADGETS[name](trace)}
    message = refusal(save(tmp_path / "w.pth", value, zipped=zipped))
    ran = "posix.system" if name == "functools.partial" else name  # what the partial would call
    assert message == f"refused: the file wants to run {ran}"
    assert not trace.exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'touch TRACE'\ntR.",  # GLOBAL, REDUCE
        b"(S'touch TRACE'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch TRACE'\no.",  # OBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0btouch TRACE\x85R.",  # STACK_GLOBAL
        b"\x80\x04\x8c\x05torch\x8c\x09os.system\x93\x8c\x0btouch TRACE\x85R.",  # dotted name
        b"cnumpy.lib\nos.system\n(S'touch TRACE'\ntR.",  # through another package
        b"c__builtin__\neval\n(S'open(\"TRACE\",\"w\")'\ntR.",  # Python 2's name
        b"ccommands\ngetoutput\n(S'touch TRACE'\ntR.",
    ],
)  # fmt: skip
def test_every_way_to_call_is_closed(
    pickled: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    message = refusal(assemble(tmp_path / "w.pth", pickled))
    assert message.startswith("refused: the file wants to run ")
    assert not (tmp_path / "TRACE").exists()


def test_a_function_that_is_named_but_not_called_is_harmless(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", {"w": WEIGHT, "act": nn.functional.silu})
    assert load(path, pick_all).keys() == {"w"}


@pytest.mark.parametrize(
    "named", [b"ctorch._utils\n_rebuild_tensor_v2\n", b"cyacs.config\nCfgNode\n", b"ctorch\nSize\n"]
)
def test_a_file_cannot_change_how_the_next_is_read(named: bytes, tmp_path: Path) -> None:
    state = b"((dS'__call__'\nNs(dS'_call'\nNsS'__init__'\nNsS'__defaults__'\n(I1\ntst"
    assert load(assemble(tmp_path / "evil.pth", named + state + b"b0(d."), pick_all) == {}
    weight = load(save(tmp_path / "w.pth", {"w": WEIGHT}), pick_all)["w"]
    assert isinstance(weight, Tensor)
    assert torch.equal(weight, WEIGHT)


def test_a_memo_index_out_of_reason_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    pickled = b"\x80\x02}r" + struct.pack("<I", 0xF0000000) + b"."
    assert "far more memory than it needs" in refusal(assemble(tmp_path / "w.pth", pickled))


@pytest.mark.parametrize(
    ("tensor", "kind"),
    [
        (Call(torch._utils._rebuild_qtensor, 1), "qtensor"),
        (WEIGHT.to_sparse(), "sparse_tensor"),
        (WEIGHT.to(torch.float8_e4m3fn), "tensor_v3"),
    ],
)
def test_tensors_without_plain_values_are_marked(tensor: object, kind: str, tmp_path: Path) -> None:
    assert load(save(tmp_path / "w.pth", {"w": tensor}), pick_all) == {"w": Unreadable(kind)}


def test_a_whole_pickled_module_stays_a_name(tmp_path: Path) -> None:
    kinds: list[str] = []

    def pick(root: object) -> dict[str, object]:
        kinds.append(type(root).__name__)
        return {}

    for zipped in (True, False):
        load(save(tmp_path / "w.pth", nn.Linear(2, 2), zipped=zipped), pick)
    assert kinds == ["Linear", "Linear"]
