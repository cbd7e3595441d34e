"""The manual: every page is built, every command in it is one, every error in it exists."""

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from slide_mobile.cli import main
from slide_mobile.deploy.rewriting import rewrites

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
ASKED_FOR = {
    "quick-start.md", "models-and-checkpoints.md", "backbones.md", "how-parity-works.md",
    "choosing-a-precision.md", "adding-a-target.md", "embedding-in-an-app.md",
    "troubleshooting.md", "lowering.md",
}  # fmt: skip
VARIABLE = "…"
# What a call may end in before the shell does something else with it.
SHELL = {"&&", "||", "|", ">", ">>", "#", ";"}


def navigation() -> list[str]:
    # mkdocs.yml may carry tags of Python; this one has none.
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    return [page for entry in settings["nav"] for page in entry.values()]


def test_the_navigation_lists_every_page_once() -> None:
    assert sorted(navigation()) == PAGES
    assert set(navigation()) >= ASKED_FOR


def test_installation_is_from_a_checkout() -> None:
    # There is no such package in an index; only an error's heading may quote `slide-mobile[...]`.
    for page in ("README.md", *(f"docs/{name}" for name in PAGES)):
        for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
            assert "pip install 'slide-mobile" not in line or line.startswith("### "), page


def test_a_measured_table_is_on_one_page() -> None:
    text = "".join(path.read_text() for path in (ROOT / "README.md", *DOCS.glob("*.md")))
    names = re.findall("<!-- measured: (.+) -->", text)
    assert len(names) == len(set(names)) >= 10


@pytest.mark.slow
def test_the_manual_builds_without_a_warning_and_loads_nothing(tmp_path: Path) -> None:
    build = (sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path))
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page in navigation():
        text = (tmp_path / page).with_suffix(".html").read_text()
        assert text.count("<h1") == 1, page
        loaded = re.findall(r'<(?:script|img|iframe)[^>]*src="([^"]+)"', text)
        loaded += re.findall(r'<link rel="(?:stylesheet|preconnect)"[^>]*href="([^"]+)"', text)
        assert loaded and not [address for address in loaded if "//" in address], page
        assert "javascripts/iframe-worker.js" in loaded, page  # the search, from the disk
        assert all((tmp_path / address).exists() for address in loaded), page
    commands = (tmp_path / "commands.html").read_text()
    for name, command in main.commands.items():
        assert (f"slide-mobile {name}" in commands) or command.hidden, name
    assert "Examples:" in commands
    assert "calibration" in (tmp_path / "search/search_index.js").read_text()


def calls(text: str) -> Iterator[list[str]]:
    """The arguments of every `slide-mobile ...` in a text's examples."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        for found in re.finditer(r"(?:^ {2,}|&&\s*|`)slide-mobile ([^`]*)", line):
            words = shlex.split(found[1], comments=True)
            stop = next((i for i, word in enumerate(words) if word in SHELL), len(words))
            if stop:
                yield words[:stop]


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}" for name in PAGES)])
def test_every_command_on_a_page_is_a_call_that_is_accepted(page: str) -> None:
    for words in calls((ROOT / page).read_text(encoding="utf-8")):
        if len(words) > 1:  # a name alone is a mention
            assert_accepted(words)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_examples_that_are_accepted(name: str) -> None:
    command = main.commands[name]
    epilog = command.epilog or ""
    examples = list(calls(epilog))
    assert "Examples:" in epilog and len(examples) >= 2
    assert {words[0] for words in examples} >= {name}
    for words in examples:
        assert_accepted(words)


def assert_accepted(words: list[str]) -> None:
    name, *arguments = words
    command = main.commands.get(name)
    assert command is not None, words
    context = click.Context(command, info_name=name)
    try:
        command.parse_args(context, arguments)
    except click.exceptions.Exit:  # --help
        pass
    except click.UsageError as error:
        pytest.fail(f"slide-mobile {shlex.join(words)}: {error.format_message()}")


def test_every_example_of_python_is_python() -> None:
    blocks = [
        block
        for page in ("README.md", *(f"docs/{name}" for name in PAGES))
        for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    ]
    assert len(blocks) >= 3
    for block in blocks:
        ast.parse(block)


def messages() -> list[str]:
    """Every text in the source, its variable parts as VARIABLE."""
    found = []
    for folder in ("slide_mobile", "converters"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [
                        p.value if isinstance(p, ast.Constant) else VARIABLE for p in node.values
                    ]
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return found


def test_every_error_that_is_explained_exists() -> None:
    headings = re.findall(r"^### (.+)$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(headings) == len(set(headings)) >= 30
    texts = messages()
    for heading in headings:
        # Where a path or the tail of another message stands, the source has it in another text.
        wanted = re.compile(
            r".*".join(map(re.escape, heading.strip(f"{VARIABLE} ").split(VARIABLE)))
        )
        halves = [part.strip(" ;:") for part in heading.split(VARIABLE) if len(part.strip()) > 12]
        whole = any(wanted.search(text) for text in texts)
        assert whole or (halves and all(any(h in t for t in texts) for h in halves)), heading


def test_the_page_on_lowering_names_every_rewrite() -> None:
    page = (DOCS / "lowering.md").read_text()
    every = rewrites(layout="NCHW")
    names = [getattr(rewrite, "func", rewrite).__name__ for rewrite in every]
    assert not [name for name in names if f"`{name}`" not in page]
