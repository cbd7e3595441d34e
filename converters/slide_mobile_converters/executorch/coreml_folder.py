"""The folder inside the bytes of a Core ML delegate, read without trusting names and numbers.

Format (executorch 1.4, backends/apple/coreml/runtime/inmemoryfs): the contents of the files, then
JSON with its bytes in reverse order, so that it can be read from the end:

    {"nodes": [{"name", "kind", "dataRegion": {"offset", "size"}, "children": {name: index}}]}

Kind 0 is a file, kind 1 a folder. A node comes after its children, and the root is last.
ExecuTorch's own `unflatten_directory_contents` is not used: it writes to any path that the names
form, also outside the folder.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

_FILE, _FOLDER = 0, 1
_MAX_NAME, _MAX_DEPTH = (
    255,
    12,
)  # bytes and parts of a path that any system can write; packages have 6 parts


def files(content: bytes) -> Mapping[PurePosixPath, bytes]:
    """Contents of the files by path; no path leaves the parent of the folder.

    Raises ValueError, TypeError, KeyError, AttributeError, IndexError or RecursionError if the
    bytes do not contain such a folder.
    """
    nodes = _nodes(content)
    regions = {path: _region(node, len(content)) for path, node in _walk(nodes)}
    if sum(map(len, regions.values())) > len(content):
        raise ValueError("the files in the Core ML delegate overlap")
    return {path: content[region.start : region.stop] for path, region in regions.items()}


def _nodes(content: bytes) -> list[Any]:
    backwards = content[::-1].decode("latin-1")  # one character per byte, so the rest decodes too
    _, end = json.JSONDecoder().raw_decode(backwards)
    nodes: list[Any] = json.loads(backwards[:end].encode("latin-1"))["nodes"]
    return nodes


def _walk(nodes: list[Any]) -> Iterator[tuple[PurePosixPath, Mapping[str, Any]]]:
    """All files below the root with their paths; raises ValueError for a node reached twice."""
    waiting = [(PurePosixPath(), len(nodes) - 1)]
    reached = set()
    while waiting:
        parent, index = waiting.pop()
        node = nodes[index]
        path = parent / _plain(node["name"])
        if index in reached or len(path.parts) > _MAX_DEPTH:
            raise ValueError(
                f"the Core ML delegate has {node['name']!r} twice, or nests it too deeply"
            )
        reached.add(index)
        if node["kind"] == _FILE:
            yield path, node
        elif node["kind"] == _FOLDER:
            waiting.extend((path, _child(nodes, *item)) for item in node["children"].items())
        else:
            raise ValueError(f"{path} in the Core ML delegate is neither a file nor a folder")


def _child(nodes: list[Any], name: str, index: int) -> int:
    """The index of a folder's child; raises ValueError unless the child has the same name."""
    if not 0 <= index < len(nodes) or nodes[index]["name"] != name:
        raise ValueError(f"the Core ML delegate has no {name!r} at {index}")
    return index


def _plain(name: str) -> str:
    """The name, if it stays inside its folder on every system; else raises ValueError."""
    # Windows has the strictest rules: both slashes separate, and "c:" is a drive.
    inside = PureWindowsPath(name).name == name not in {"", ".."} and "\0" not in name
    if not inside or len(name.encode()) > _MAX_NAME:
        raise ValueError(f"the Core ML delegate has a file with the unsafe name {name!r}")
    return name


def _region(node: Mapping[str, Any], length: int) -> range:
    """The range of a file's content; raises ValueError if it exceeds `length` bytes."""
    start, size = node["dataRegion"]["offset"], node["dataRegion"]["size"]
    if not 0 <= start <= start + size <= length:
        raise ValueError(f"{node['name']!r} lies outside the Core ML delegate")
    return range(start, start + size)
