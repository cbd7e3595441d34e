"""The Xcode project, which nothing here can open: every id and file that it names exists."""

import json
import plistlib
import re
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from swift_build import CHECKOUT, succeeded
from swift_root import REPOSITORY, SwiftRoot

FOLDER = CHECKOUT / "apps/ios_demo"
PROJECT = FOLDER / "SlideMeasure.xcodeproj/project.pbxproj"
SCHEME = FOLDER / "SlideMeasure.xcodeproj/xcshareddata/xcschemes/SlideMeasure.xcscheme"
RESOLVED = PROJECT.parent / "project.xcworkspace/xcshareddata/swiftpm/Package.resolved"
# The end of ExecuTorch's branch swiftpm-1.4.1, which has no tag.
EXECUTORCH = ("1.4.1", "1e16db53f23996df64af6a243068f13ed7768e36")
TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"((?:[^"\\]|\\.)*)"|([A-Za-z0-9_./$]+)|([{}()=;,])|\s+', re.S
)
ID = re.compile(r"[0-9A-F]{24}")

Plain = Any


def parse(text: str) -> Plain:
    """An old-style property list: dictionaries, lists and text."""
    tokens: list[tuple[str, bool]] = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        assert match is not None, text[position : position + 40]
        position = match.end()
        if match[1] is not None:
            tokens.append((match[1].replace('\\"', '"'), False))
        elif match[2] or match[3]:
            tokens.append((match[2] or match[3], bool(match[3])))
    value, end = _value(tokens, 0)
    assert end == len(tokens)
    return value


def _value(tokens: list[tuple[str, bool]], at: int) -> tuple[Plain, int]:
    token, special = tokens[at]
    if not special:
        return token, at + 1
    at += 1
    if token == "(":
        items = []
        while tokens[at] != (")", True):
            item, at = _value(tokens, at)
            items.append(item)
            assert tokens[at] == (",", True)
            at += 1
        return items, at + 1
    assert token == "{"
    members: dict[str, Plain] = {}
    while tokens[at] != ("}", True):
        key = tokens[at][0]
        assert key not in members, f"{key} comes twice"
        assert tokens[at + 1] == ("=", True)
        members[key], at = _value(tokens, at + 2)
        assert tokens[at] == (";", True)
        at += 1
    return members, at + 1


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    plain = parse(PROJECT.read_text())
    assert plain["objectVersion"] == "77"  # Xcode 16's synchronized folders
    return plain  # type: ignore[no-any-return]


def of(project: dict[str, Any], isa: str) -> list[dict[str, Any]]:
    return [thing for thing in project["objects"].values() if thing["isa"] == isa]


def identifiers(value: Plain) -> set[str]:
    if isinstance(value, dict):
        return {found for item in (*value, *value.values()) for found in identifiers(item)}
    if isinstance(value, list):
        return {found for item in value for found in identifiers(item)}
    return {value} if ID.fullmatch(value) else set()


def test_every_id_exists_and_is_used(project: dict[str, Any]) -> None:
    objects = project["objects"]
    used = identifiers(list(objects.values())) | {project["rootObject"]}
    assert used == set(objects)


def test_comments_name_what_they_stand_beside(project: dict[str, Any]) -> None:
    """Xcode rewrites the comments; a wrong one misleads the reader of a diff."""
    for identifier, comment in re.findall(r"([0-9A-F]{24}) /\* (.*?) \*/", PROJECT.read_text()):
        thing = project["objects"][identifier]
        name = thing.get("name") or thing.get("path") or thing.get("productName")
        if name and thing["isa"] not in {"PBXGroup", "XCBuildConfiguration"}:
            assert comment == name


def test_every_file_exists(project: dict[str, Any]) -> None:
    for thing in of(project, "PBXFileReference"):
        if thing["sourceTree"] != "BUILT_PRODUCTS_DIR":
            assert (FOLDER / thing["path"]).exists(), thing["path"]
    folders = {thing["path"] for thing in of(project, "PBXFileSystemSynchronizedRootGroup")}
    assert folders == {"SlideMeasure", "SlideMeasureTests"}
    for folder in folders:
        assert list((FOLDER / folder).rglob("*.swift"))
    for thing in of(project, "XCBuildConfiguration"):
        for name in ("INFOPLIST_FILE", "SWIFT_OBJC_BRIDGING_HEADER"):
            if name in thing["buildSettings"]:
                assert (FOLDER / thing["buildSettings"][name]).is_file()
    assert not re.search(r'= "?(/|~)', PROJECT.read_text())  # of somebody's machine


def test_artifacts_are_copied_and_not_compiled(project: dict[str, Any]) -> None:
    """A folder reference; in a synchronized folder Xcode would compile the .mlpackage."""
    artifacts = next(t for t in of(project, "PBXFileReference") if t["path"] == "Artifacts")
    assert artifacts["lastKnownFileType"] == "folder"
    built = {project["objects"][i]["fileRef"] for i in resources(project)}
    assert [project["objects"][reference]["path"] for reference in built] == ["Artifacts"]


def resources(project: dict[str, Any]) -> list[str]:
    return [i for phase in of(project, "PBXResourcesBuildPhase") for i in phase["files"]]


def test_what_is_built_is_what_is_promised(project: dict[str, Any]) -> None:
    settings = [t["buildSettings"] for t in of(project, "XCBuildConfiguration")]
    assert {s["SWIFT_VERSION"] for s in settings if "SWIFT_VERSION" in s} == {"6.0"}
    targets = {s.get("IPHONEOS_DEPLOYMENT_TARGET") for s in settings} - {None}
    assert targets == {"17.0"}
    products = [t["productName"] for t in of(project, "XCSwiftPackageProductDependency")]
    assert products == [
        "SlideCore", "executorch", "backend_xnnpack", "backend_coreml", "kernels_optimized",
        "kernels_quantized",
    ]  # fmt: skip
    local = of(project, "XCLocalSwiftPackageReference")[0]["relativePath"]
    assert 'library(name: "SlideCore"' in (FOLDER / local / "Package.swift").read_text()


def test_executorch_is_pinned_to_the_version_that_the_backend_reports(
    project: dict[str, Any],
) -> None:
    package = of(project, "XCRemoteSwiftPackageReference")[0]
    assert package["requirement"] == {"kind": "revision", "revision": EXECUTORCH[1]}
    (pin,) = json.loads(RESOLVED.read_text())["pins"]
    assert pin["location"] == package["repositoryURL"]
    assert pin["state"] == {"revision": EXECUTORCH[1]}
    backend = (FOLDER / "SlideMeasure/Backends/ExecuTorchBackend.swift").read_text()
    assert f'let version = "{EXECUTORCH[0]}"' in backend
    assert json.loads((FOLDER / "runtimes.json").read_text()) == {"executorch": EXECUTORCH[0]}


def test_the_icon_is_one_that_a_store_takes() -> None:
    """1024 x 1024 pixels of RGB; App Store Connect refuses an alpha channel."""
    folder = FOLDER / "SlideMeasure/Assets.xcassets/AppIcon.appiconset"
    (image,) = json.loads((folder / "Contents.json").read_text())["images"]
    header = (folder / image["filename"]).read_bytes()[:26]
    assert header[:8] == b"\x89PNG\r\n\x1a\n" and header[12:16] == b"IHDR"
    width, height, depth, color = struct.unpack(">IIBB", header[16:26])
    assert (width, height, depth, color) == (1024, 1024, 8, 2)


def test_an_ipad_may_be_turned_every_way(project: dict[str, Any]) -> None:
    """A store asks for all four where an iPad may show two apps side by side."""
    settings = [t["buildSettings"] for t in of(project, "XCBuildConfiguration")]
    key = "INFOPLIST_KEY_UISupportedInterfaceOrientations"
    found = [s[f"{key}_iPad"].split() for s in settings if f"{key}_iPad" in s]
    assert [len(set(ways)) for ways in found] == [4, 4]
    assert all(f"{key}_iPhone" in s for s in settings if f"{key}_iPad" in s)


def test_the_privacy_manifest_declares_what_is_used() -> None:
    """Apple's categories of APIs that need a reason: elapsed time, and files of the app's own."""
    privacy = plistlib.loads((FOLDER / "SlideMeasure/PrivacyInfo.xcprivacy").read_bytes())
    assert privacy["NSPrivacyTracking"] is False and privacy["NSPrivacyCollectedDataTypes"] == []
    reasons = {
        one["NSPrivacyAccessedAPIType"]: one["NSPrivacyAccessedAPITypeReasons"]
        for one in privacy["NSPrivacyAccessedAPITypes"]
    }
    assert reasons == {
        "NSPrivacyAccessedAPICategoryFileTimestamp": ["C617.1"],
        "NSPrivacyAccessedAPICategorySystemBootTime": ["35F9.1"],
    }
    source = "".join(path.read_text() for path in FOLDER.rglob("*.swift"))
    assert "UserDefaults" not in source and "AppStorage" not in source  # a category of its own


def test_the_scheme_builds_measures_and_tests(project: dict[str, Any]) -> None:
    scheme = ElementTree.parse(SCHEME).getroot()
    for reference in scheme.iter("BuildableReference"):
        target = project["objects"][reference.attrib["BlueprintIdentifier"]]
        product = project["objects"][target["productReference"]]["path"]
        assert reference.attrib["BuildableName"] == product
        assert reference.attrib["BlueprintName"] == target["name"]
    launch = scheme.find("LaunchAction")
    assert launch is not None
    # An unoptimized loop under a debugger would be measured, too.
    assert launch.attrib["buildConfiguration"] == "Release"
    assert launch.attrib["selectedDebuggerIdentifier"] == ""
    tested = scheme.find("TestAction/Testables/TestableReference/BuildableReference")
    assert tested is not None and tested.attrib["BlueprintName"] == "SlideMeasureTests"


def test_the_addresses_are_registered() -> None:
    """The app's own, and the one by which Firebase Test Lab starts a game loop."""
    plist = plistlib.loads((FOLDER / "Info.plist").read_bytes())
    registered = [one for kind in plist["CFBundleURLTypes"] for one in kind["CFBundleURLSchemes"]]
    declared = []
    for name in ("HeadlessRequest", "Farm"):
        core = (FOLDER / f"Core/Sources/SlideCore/{name}.swift").read_text()
        declared += re.findall(r'scheme = "([\w-]+)"', core)
    assert registered == declared == ["slidemeasure", "firebase-game-loop"]


def test_property_lists_are_well_formed(swift: SwiftRoot) -> None:
    """As Apple's own property-list parser reads them."""
    for path in (PROJECT, FOLDER / "Info.plist", FOLDER / "SlideMeasure/PrivacyInfo.xcprivacy"):
        inside = f"{REPOSITORY}/{path.relative_to(CHECKOUT).as_posix()}"
        plutil = "/usr/libexec/swift/bin/plutil"
        assert "OK" in succeeded(swift.run([plutil, "-lint", "--", inside]))


def test_a_lost_object_is_found(project: dict[str, Any], tmp_path: Path) -> None:
    text = PROJECT.read_text()
    start = text.index("\t\t51DE00000000000000000058 /* executorch */ = {")
    end = text.index("\t\t};\n", start) + len("\t\t};\n")
    broken = parse(text[:start] + text[end:])
    assert identifiers(list(broken["objects"].values())) > set(broken["objects"])
