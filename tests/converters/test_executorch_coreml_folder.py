"""Reading the folder in a Core ML delegate, written by ExecuTorch or by someone with bad intent."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

pytest.importorskip("executorch")

from executorch.backends.apple.coreml import executorchcoreml

from slide_mobile_converters.executorch.coreml_folder import files

HELD = b"some weights"


def file(name: str, offset: int = 0, size: int = 4) -> dict[str, Any]:
    region = {"offset": offset, "size": size}
    return {"name": name, "kind": 0, "dataRegion": region, "children": {}}


def folder(name: str, **children: int) -> dict[str, Any]:
    region = {"offset": 0, "size": 0}
    return {"name": name, "kind": 1, "dataRegion": region, "children": children}


def flat(*nodes: dict[str, Any]) -> bytes:
    return HELD + json.dumps({"nodes": nodes}, ensure_ascii=False).encode()[::-1]


def test_what_executorch_flattens_is_read_back(tmp_path: Path) -> None:
    expected = {
        PurePosixPath("root", "Käfer.json"): b'{"a": [1, "}"]}',
        PurePosixPath("root", "Data", "model", "weights.bin"): bytes(range(256)) * 9,
        PurePosixPath("root", "Data", "model.bin"): b"}]{",
    }
    for path, held in expected.items():
        (tmp_path / path.parent).mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(held)
    assert files(executorchcoreml.flatten_directory_contents(str(tmp_path / "root"))) == expected


def test_crafted_nodes_are_read_by_the_same_rules() -> None:
    found = files(flat(file("a", 0, 4), file("b", 5, 7), folder("root", a=0, b=1)))
    assert found == {PurePosixPath("root/a"): b"some", PurePosixPath("root/b"): b"weights"}


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "/", "/escape", "../escape", "a/b", "a/", "..\\escape", "C:", "a\0", "a" * 256],
)
def test_names_that_are_no_plain_names_are_refused(name: str) -> None:
    for content in (flat(file(name), folder("root", **{name: 0})), flat(folder(name))):
        with pytest.raises(ValueError, match="has a file with the unsafe name"):
            files(content)


@pytest.mark.parametrize(("offset", "size"), [(-1, 4), (0, -1), (4, -2), (0, 9999), (9999, 0)])
def test_regions_outside_are_refused(offset: int, size: int) -> None:
    with pytest.raises(ValueError, match="lies outside"):
        files(flat(file("a", offset, size), folder("root", a=0)))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([file("a"), folder("root", b=0)], "no 'b' at 0"),  # written under its own, other name
        ([file("a"), folder("root", a=-2)], "no 'a' at -2"),
        ([file("a"), folder("root", a=2)], "no 'a' at 2"),
        ([folder("root", root=0)], "'root' twice"),
        ([folder("b", a=1), folder("a", b=0), folder("root", a=1)], "'a' twice"),
        ([file("a"), {**folder("root", a=0), "kind": 2}], "neither a file nor a folder"),
    ],
)
def test_what_is_no_tree_is_refused(nodes: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        files(flat(*nodes))


def test_a_few_bytes_cannot_become_many() -> None:
    names = [f"copy{number}" for number in range(9)]
    copies = [file(name, 0, 600) for name in names]
    root = folder("root", **{name: index for index, name in enumerate(names)})
    with pytest.raises(ValueError, match="overlap"):
        files(flat(*copies, root))


def test_endless_depth_is_refused() -> None:
    nodes = [file("a"), *(folder("a", a=index) for index in range(5000))]
    with pytest.raises(ValueError, match="too deep"):
        files(flat(*nodes))
