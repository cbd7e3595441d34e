"""A hook of mkdocs that writes the cells of the tutorial's notebook into its page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARK = "<!-- notebook -->"
NOTEBOOK = Path(__file__).with_name("tutorial.ipynb")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the mark on the page of the tutorial; other pages stay as they are."""
    return markdown.replace(MARK, "\n\n".join(sections())) if MARK in markdown else markdown


def sections() -> Iterator[str]:
    """Give the texts, the code and its output, one after the other; the page has its own title."""
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield source.removeprefix("# Tutorial\n")
        else:
            yield f"```python\n{source}\n```"
            yield from (f"```text\n{_text(output)}\n```" for output in cell["outputs"])


def _text(output: dict[str, Any]) -> str:
    """What a cell has printed."""
    return "".join(output["text"]).rstrip()
