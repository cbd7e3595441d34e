"""Android's API as npm's @nativescript/types-android declares it, which is made from the SDK.

One file of TypeScript, a class a block: members by name, with the API level that brought each and
the value of each constant.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "@nativescript/types-android@9.1.1"
DECLARATIONS = Path("lib/android/android-platform-21-37-merged.d.ts")

BLOCK = re.compile(
    r"(?:declare|export) (?P<kind>module|class|abstract class|interface) (?P<name>\w+)"
    r"(?P<rest>.*)\{$"
)
MEMBER = re.compile(r"(?:public |protected )?(?:static )?(?P<name>\w+)(?P<rest>[(:<].*);$")
SINCE = re.compile(r"@since (\d+)")
SUPERTYPE = re.compile(r"[\w.]+")
OLDEST = 21  # the declarations say nothing of what came before


@dataclass
class Member:
    """A name in a class; overloads count as one, as old as the oldest."""

    since: int
    value: str | None  # of a constant, as written


@dataclass
class Class:
    """`members` are its own; `supertypes` are full names."""

    since: int
    supertypes: tuple[str, ...]
    members: dict[str, Member] = field(default_factory=dict)


Api = Mapping[str, Class]


def read(path: Path) -> Api:
    """Classes by their full name, nested ones with dots."""
    classes: dict[str, Class] = {}
    names: list[str] = []
    since = OLDEST
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith(("/**", "*")):
            if found := SINCE.search(text):
                since = int(found[1])
            continue
        if block := BLOCK.match(text):
            names.append(block["name"])
            if block["kind"] != "module":
                name = ".".join(names)
                supertypes = SUPERTYPE.findall(re.sub(r"<.*?>", "", block["rest"]))
                listed = tuple(n for n in supertypes if n not in ("extends", "implements"))
                classes.setdefault(name, Class(since, listed))
        elif text.endswith("{"):
            names.append("")
        elif text.startswith("}"):
            names.pop()
        elif (member := MEMBER.match(text)) and (owner := classes.get(".".join(names))):
            _add(owner, member, since)
        since = OLDEST
    return classes


def lookup(api: Api, owner: str, name: str) -> Member | None:
    """A member of a class or of what it extends; `<init>` is its constructor."""
    wanted = "constructor" if name == "<init>" else name
    for one in lineage(api, owner):
        if (found := api[one].members.get(wanted)) is not None:
            return found
    return None


def lineage(api: Api, owner: str) -> Iterator[str]:
    """A class and what it extends, as far as it is Android's."""
    if owner in api:
        yield owner
        for supertype in api[owner].supertypes:
            yield from lineage(api, supertype)


def _add(owner: Class, member: re.Match[str], since: int) -> None:
    constant = re.match(r":\s*(-?\d+(?:\.\d+)?|\".*\")$", member["rest"])
    known = owner.members.get(member["name"])
    if known is None:
        owner.members[member["name"]] = Member(since, constant[1] if constant else None)
    else:
        known.since = min(known.since, since)
