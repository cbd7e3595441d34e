"""What a Java class file refers to (Java Virtual Machine Specification, chapter 4.4)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

UTF8, CLASS, NAME_AND_TYPE = 1, 7, 12
REFERENCES = (9, 10, 11)  # fields, methods, methods of interfaces
# Bytes after the tag, for constants that do not state their length.
SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 18: 4}
WIDE = (5, 6)  # they take two places


@dataclass(frozen=True, kw_only=True)
class ClassFile:
    """A reference to a member; names have dots, those of nested classes too."""

    name: str
    supertype: str
    references: frozenset[tuple[str, str]]  # (class, member)


def read(path: Path) -> ClassFile:
    """A class: its name, its supertype, and every member of any class that it uses."""
    data = path.read_bytes()
    constants, at = _constants(data)
    _, this, parent = struct.unpack_from(">HHH", data, at)

    def name(index: int) -> str:
        text = constants[constants[index][1]][1].decode()
        return str(text.replace("/", ".").replace("$", "."))

    def reference(entry: tuple[int, int, int]) -> tuple[str, str]:
        _, owner, described = entry
        return name(owner), constants[constants[described][1]][1].decode()

    return ClassFile(
        name=name(this),
        supertype=name(parent),
        references=frozenset(reference(c) for c in constants.values() if c[0] in REFERENCES),
    )


def read_all(folder: Path) -> Iterator[ClassFile]:
    """Read every class below a folder."""
    for path in sorted(folder.rglob("*.class")):
        yield read(path)


def _constants(data: bytes) -> tuple[dict[int, tuple], int]:
    """Return the constant pool by index, as (tag, ...), and the position of its end."""
    (count,) = struct.unpack_from(">H", data, 8)
    constants: dict[int, tuple] = {}
    index, at = 1, 10
    while index < count:
        tag = data[at]
        at += 1
        if tag == UTF8:
            (length,) = struct.unpack_from(">H", data, at)
            constants[index] = (tag, data[at + 2 : at + 2 + length])
            at += 2 + length
        else:
            if tag == CLASS:
                constants[index] = (tag, *struct.unpack_from(">H", data, at))
            elif tag in REFERENCES or tag == NAME_AND_TYPE:
                constants[index] = (tag, *struct.unpack_from(">HH", data, at))
            at += SIZES[tag]
        index += 2 if tag in WIDE else 1
    return constants, at
