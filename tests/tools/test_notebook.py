"""The tutorial's notebook: its cells run, and its page is made of it."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tools.manual import notebook

HOOK = notebook.NOTEBOOK.with_name("tutorial_hook.py")


def document() -> dict[str, Any]:
    return json.loads(notebook.NOTEBOOK.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_cells_of_the_tutorial_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = notebook.run(document())
    text = "".join(line for _, outputs in ran for output in outputs for line in output["text"])
    assert "dB, and the floor is" in text and "passed" in text
    assert {path.name for path in tmp_path.iterdir()} == {"artifacts", "labels.txt"}


def test_the_notebook_is_one_and_keeps_what_its_cells_printed() -> None:
    kept = document()
    assert (kept["nbformat"], kept["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in kept["cells"]}) == len(kept["cells"])
    assert any(cell["outputs"] for cell in kept["cells"] if cell["cell_type"] == "code")


def test_the_page_has_every_cell_and_its_output() -> None:
    spec = importlib.util.spec_from_file_location("tutorial_hook", HOOK)
    assert spec is not None and spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = hook.on_page_markdown(f"# Tutorial\n\n{hook.MARK}\n")
    cells = document()["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(f"```python\n{''.join(cell['source'])}\n```" in page for cell in code)
    assert page.count("# Tutorial") == 1
    assert page.count("```text") == sum(len(cell["outputs"]) for cell in code)


def test_a_cell_shows_what_it_prints_and_its_last_value() -> None:
    cells = [{"cell_type": "code", "source": [line]} for line in ("x = 2", "print(x)\nx + 1", "x;")]
    printed = [outputs for _, outputs in notebook.run({"cells": cells})]
    assert printed[0] == [] and printed[1][0]["text"] == ["2\n", "3\n"]
