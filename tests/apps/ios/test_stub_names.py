"""The stubs' names exist in declarations derived from Apple's SDK, and are old enough."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from debian_packages import NotToBeHad
from npm_package import npm
from proof import missing
from swift_build import CHECKOUT

TYPES = "@nativescript/types-ios@9.1.2"
FRAMEWORKS = ("CoreFoundation", "CoreGraphics", "CoreML", "CoreVideo", "Foundation", "UIKit")
STUBS = Path(__file__).with_name("stubs")
CHECKED = ("CoreGraphics", "CoreML", "CoreVideo", "UIKit")
DEPLOYMENT_TARGET = 17.0
DECLARATION = re.compile(r"^\s*(@MainActor )?(public|open|case|func|nonisolated)\b")


@dataclass(frozen=True, kw_only=True)
class Names:
    """Objective-C names, each with the iOS version that introduced it (0: unknown)."""

    since: dict[str, float]

    def members(self, of: str) -> list[str]:
        """List the members of a class or enumeration."""
        return [name.partition(".")[2] for name in self.since if name.startswith(f"{of}.")]


@pytest.fixture(scope="module")
def names(cache: Path) -> Names:
    try:
        folder = npm(cache, TYPES)
    except NotToBeHad as error:
        missing(f"the names of Apple's frameworks: {error}")
    since: dict[str, float] = {}
    for framework in FRAMEWORKS:
        for path in folder.rglob(f"objc!{framework}.d.ts"):
            since |= declared(path.read_text())
    return Names(since=since)


def declared(text: str) -> dict[str, float]:
    """Read `Name` and `Class.member` from one file of TypeScript declarations."""
    found: dict[str, float] = {}
    inside, version = "", 0.0
    for line in text.splitlines():
        if match := re.match(r"\s*\* @since ([\d.]+)", line):
            version = float(".".join(match[1].split(".")[:2]))
        elif match := re.match(
            r"declare (?:class|const enum|function|const|var) (\w+)|interface (\w+)", line
        ):
            inside = match[1] or match[2]
            found.setdefault(inside, version)
            version = 0.0
        elif match := re.match(r"\t(?:static |readonly )*(\w+)\??[ :(=,]", line):
            found.setdefault(f"{inside}.{match[1]}", max(version, found[inside]))
            version = 0.0
    return found


def annotated(name: str) -> list[tuple[str, str, float]]:
    """Read (Objective-C name, declaration, iOS version) from one stub."""
    rows: list[tuple[str, str, float]] = []
    comment, version, outer = "", 0.0, 0.0
    for line in (STUBS / f"{name}.swift").read_text().splitlines():
        stripped = line.strip()
        if stripped.startswith("//: "):
            comment = stripped.removeprefix("//: ")
        elif match := re.match(r"@available\(iOS ([\d.]+)", stripped):
            version = float(match[1])
        elif DECLARATION.match(line):
            if not line.startswith(" "):
                outer = version
            assert comment, f"{name}.swift: no name above: {stripped}"
            rows.append((comment, stripped, outer))
            comment, version = "", 0.0
    return rows


@pytest.mark.parametrize("stub", CHECKED)
def test_every_name_is_the_sdks(names: Names, stub: str) -> None:
    rows = [row for row in annotated(stub) if row[0] != "Swift"]
    assert len(rows) > 5
    for name, declaration, version in rows:
        owner, _, member = name.partition(".")
        if member.endswith("*"):
            prefix = member.removesuffix("*").lower()
            known = {value.lower() for value in names.members(owner)}
            listed = declaration.removeprefix("case ").split(", ")
            assert {prefix + case.lower() for case in listed} <= known, name
            continue
        assert name in names.since, f"{name} is not in the SDK"
        since = names.since[name]
        assert since <= max(DEPLOYMENT_TARGET, version), f"{name} came with iOS {since}"


def test_what_is_newer_is_asked_for_first() -> None:
    newer = {row[2] for stub in CHECKED for row in annotated(stub)} - {0.0}
    assert newer == {17.4}
    backend = CHECKOUT / "apps/ios_demo/SlideMeasure/Backends/CoreMLBackend.swift"
    assert "#available(iOS 17.4" in backend.read_text()


def test_a_wrong_name_is_found(names: Names) -> None:
    assert "MLModel.predictionFromFeaturesOptionsError" in names.since
    assert "MLModel.predictionFromFeatures" not in names.since
    assert names.since["MLComputePlan"] == 17.4
