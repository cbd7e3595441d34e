"""Nothing that a command loads or runs opens a socket to a network, or a file behind our back."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Loads every toolchain, and runs a model in the one that used to call home.
EVERYTHING = """
import numpy as np, onnx, sys
from onnx import TensorProto, helper
from slide_mobile.targets import registry
for name in registry.names():
    registry.load(name)
x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xy")
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
from slide_mobile_converters.onnx import running
session = running.session(model.SerializeToString())
assert session.run(None, {"x": np.ones(1, np.float32)})[0] == 1
child = "import onnxruntime, os; assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'"
__import__("subprocess").run([sys.executable, "-c", child], check=True)
"""
NETWORK = re.compile(r"socket\((AF_INET6?|AF_PACKET|AF_NETLINK)")


def test_every_import_of_onnx_runtime_is_below_the_package_that_silences_it() -> None:
    root = Path(__file__).parents[2]
    imports = re.compile(r"^\s*(import|from) onnxruntime", re.MULTILINE)
    found = {
        path.relative_to(root).parts[:2]
        for folder in ("slide_mobile", "converters", "mil_evaluator", "benchmarks", "tools")
        for path in (root / folder).rglob("*.py")
        if imports.search(path.read_text())
    }
    assert found == {("converters", "slide_mobile_converters")}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this machine")
def test_no_toolchain_opens_a_socket_or_follows_a_planted_link(tmp_path: Path) -> None:
    trace, scratch, target = tmp_path / "trace", tmp_path / "scratch", tmp_path / "target"
    scratch.mkdir()
    (scratch / ".ses").symlink_to(target)
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    environment |= {"TMPDIR": str(scratch), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    traced = ["strace", "--seccomp-bpf", "-f", "-qq", "-e", "trace=socket,execve", "-o", trace]
    done = subprocess.run(
        [*traced, sys.executable, "-c", EVERYTHING],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    lines = trace.read_text().splitlines()
    assert sum("execve(" in line for line in lines) >= 2  # it traces, children too
    assert [line for line in lines if NETWORK.search(line)] == []
    assert not target.exists()  # it was created through the link, with the name of a session in it
