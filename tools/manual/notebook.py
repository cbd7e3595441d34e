"""Runs the tutorial's cells, and writes what they print into docs/tutorial.ipynb.

    python -m tools.manual.notebook

Needs no Jupyter: the cells are Python, and their output is text. The page of the manual is made of
the same file (docs/tutorial_hook.py).
"""

import ast
import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[2] / "docs/tutorial.ipynb"


def main() -> None:
    """Run the notebook in a folder of its own, and keep the outputs."""
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for number, (cell, output) in enumerate(run(document), 1):
            cell["execution_count"], cell["outputs"] = number, output
    NOTEBOOK.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def run(document: dict[str, Any]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Run the code of a notebook in the current folder; each cell with what it printed."""
    names: dict[str, Any] = {}
    cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    return [(cell, _printed("".join(cell["source"]), names)) for cell in cells]


def _printed(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Run one cell; its text, as a notebook keeps it. The value of a last expression is shown."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, "cell", "exec"), names)
        value = None
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        if value is not None:
            print(repr(value))
    lines = printed.getvalue().splitlines(keepends=True)
    return [{"name": "stdout", "output_type": "stream", "text": lines}] if lines else []


if __name__ == "__main__":
    main()
