"""The whole app: UI compiled, its API levels checked, resources linked, an APK built and signed.

It is compiled against Android 6's jar, with stand-ins for newer names (overlays/); whether those
names exist, since when and with which values is looked up in declarations made from the SDK.
"""

import re
import shutil
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import android_api
import android_build
import class_file
import pytest
from android_api import Api
from android_build import MIN_SDK, TARGET_SDK, BuildFailed, Sdk
from android_sources import ANDROID, MODULE, manifest, source
from debian_packages import NotToBeHad
from jvm import Jvm
from kotlin_app import BACKENDS, FARM, HERE, ON_DEVICE, SDK, UI, kotlin_files
from npm_package import npm
from proof import missing

PACKAGE = "dev.slidemobile.measure"

OF_EVERY_OBJECT = {"equals", "getClass", "hashCode", "toString"}
# Newer than the oldest phone: the named file checks SDK_INT before it uses the member.
GUARDED = {
    ("android.os.PowerManager", "getCurrentThermalStatus"): "Phone.kt",
    ("android.os.Build", "SOC_MANUFACTURER"): "Phone.kt",
    ("android.os.Build", "SOC_MODEL"): "Phone.kt",
}


@pytest.fixture(scope="module")
def sdk(cache: Path) -> Sdk:
    try:
        return android_build.require(cache)
    except NotToBeHad as error:
        missing(f"the APK: {error}")


@pytest.fixture(scope="module")
def api(cache: Path) -> Api:
    try:
        return android_api.read(npm(cache, android_api.PACKAGE) / android_api.DECLARATIONS)
    except NotToBeHad as error:
        missing(f"the names of Android's API: {error}")


@pytest.fixture(scope="module")
def base(sdk: Sdk, embedded: Path, classes: Path) -> Path:
    """The linked APK with the demo artifacts in it, and R.java beside it."""
    (out := classes / "link").mkdir()
    shutil.copytree(embedded, out / "assets" / "artifacts")
    values = {"applicationId": PACKAGE}
    return sdk.link(MODULE, PACKAGE, out, assets=out / "assets", values=values)


@pytest.fixture(scope="module")
def overlays(jvm: Jvm, android_jar: Path, classes: Path) -> Path:
    sources = sorted((HERE / "overlays").rglob("*.java"))
    return jvm.compile_java(sources, classes / "overlays", classpath=[android_jar])


@pytest.fixture(scope="module")
def generated(jvm: Jvm, base: Path, android_jar: Path, classes: Path) -> Path:
    """Compile R, and the library's BuildConfig that Gradle would write."""
    config = base.parent / "BuildConfig.java"
    fields = ("LITERT_VERSION", "EXECUTORCH_VERSION")
    lines = "".join(f'public static final String {name} = "1.0";\n' for name in fields)
    config.write_text(f"package dev.slidemobile;\npublic final class BuildConfig {{\n{lines}}}\n")
    sources = [config, *(base.parent / "gen").rglob("R.java")]
    return jvm.compile_java(sources, classes / "generated", classpath=[android_jar])


@pytest.fixture(scope="module")
def sdk_module(
    jvm: Jvm, core: Path, shims: Path, backends: Path, overlays: Path, generated: Path,
    android_jar: Path, classes: Path,
) -> Path:  # fmt: skip
    """Compile the library that other apps take, too; its backends are compiled already."""
    path = [overlays, generated, core, shims, backends, android_jar]
    sources = [file for file in kotlin_files(SDK) if BACKENDS not in file.parents]
    out = jvm.compile(sources, classes / "sdk", classpath=path, warnings=True)
    return Path(shutil.copytree(backends, out, dirs_exist_ok=True))


@pytest.fixture(scope="module")
def ui(
    jvm: Jvm, core: Path, sdk_module: Path, overlays: Path, generated: Path, android_jar: Path,
    classes: Path,
) -> Path:  # fmt: skip
    """Compile the app as for device farms. It sees no runtime, only the library."""
    path = [overlays, generated, core, sdk_module, android_jar]
    sources = kotlin_files(UI) + kotlin_files(FARM)
    out = jvm.compile(sources, classes / "ui", classpath=path, warnings=True)
    return Path(shutil.copytree(sdk_module, out, dirs_exist_ok=True))


def test_the_ui_uses_nothing_that_its_oldest_phone_lacks(api: Api, ui: Path) -> None:
    """As in Android's lint (NewApi), but by name: overloads are not told apart."""
    files = list(class_file.read_all(ui))
    supertypes = {one.name: one.supertype for one in files}
    used = set()
    for owner, member in sorted({reference for one in files for reference in one.references}):
        android = _android(owner, supertypes)
        if not android.startswith("android.") or android.startswith("android.R."):
            continue
        found = android_api.lookup(api, android, member)
        if found is None:
            # A member of the app's own class, or of every object.
            assert owner in supertypes or member in OF_EVERY_OBJECT, f"{owner}.{member}"
            continue
        used.add((android, member))
        since = max(found.since, api[android].since)
        if since > MIN_SDK:
            where = GUARDED.get((android, member))
            assert where is not None, f"{android}.{member} is of API {since}"
            assert "SDK_INT" in source(where)
    assert len(used) > 100
    assert GUARDED.keys() <= used


def test_the_instrumentation_compiles(
    jvm: Jvm, core: Path, ui: Path, generated: Path, android_jar: Path, classes: Path
) -> None:
    """Against stand-ins for AndroidX Test and JUnit 4, whose sources they name."""
    stubs = sorted((HERE / "androidx_test").glob("*.java"))
    runner = jvm.compile_java(stubs, classes / "androidx_test", classpath=[android_jar])
    path = [core, ui, generated, runner, android_jar]
    jvm.compile(kotlin_files(ON_DEVICE), classes / "on_device", classpath=path)


def test_the_overlays_say_what_android_says(api: Api, overlays: Path) -> None:
    count = 0
    for path in sorted((HERE / "overlays").rglob("*.java")):
        package = path.parent.relative_to(HERE / "overlays").as_posix().replace("/", ".")
        owner = f"{package}.{path.stem}"
        nested = ""
        for line in path.read_text().splitlines():
            if found := re.match(r"    public static class (\w+)", line):
                nested = f".{found[1]}"
            elif line == "    }":
                nested = ""
            elif found := re.match(r" +public static final \S+ (\w+) = (.*);", line):
                _assert_constant(api, owner + nested, found[1], found[2])
                count += 1
            elif found := re.match(r"    public (\w+) (\w+)\(", line):
                assert android_api.lookup(api, owner, found[2]), f"{owner}.{found[2]}"
                count += 1
    assert count > 15


def test_the_apk_is_built_signed_and_says_what_the_gradle_file_says(
    sdk: Sdk, jvm: Jvm, base: Path, core: Path, generated: Path, ui: Path, classes: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (out := classes / "apk").mkdir()
    dex = sdk.dex([core, generated, ui], jvm.libraries, out)
    apk = sdk.package(base, dex, out)
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in sdk.verify(apk)
    assert sdk.is_aligned(apk)
    badging = sdk.badging(apk)
    with capsys.disabled():
        print(f"\n{apk.name}: {apk.stat().st_size / 2**20:.1f} MiB, signed and verified")
        print("\n".join(line for line in badging.splitlines() if not line.startswith("  ")))
    gradle = (MODULE / "build.gradle.kts").read_text()
    for name, value in (("minSdk", MIN_SDK), ("targetSdk", TARGET_SDK), ("compileSdk", TARGET_SDK)):
        assert f"{name} = {value}\n" in gradle
    assert f'applicationId = "{PACKAGE}"' in gradle and f'namespace = "{PACKAGE}"' in gradle
    assert f"package: name='{PACKAGE}' versionCode='1' versionName='1.0'" in badging
    assert f"sdkVersion:'{MIN_SDK}'" in badging
    assert f"targetSdkVersion:'{TARGET_SDK}'" in badging
    assert f"launchable-activity: name='{PACKAGE}.MainActivity'" in badging
    assert "application-label:'Slide Measure'" in badging


def test_a_changed_apk_is_not_verified(sdk: Sdk, base: Path, classes: Path) -> None:
    (out := classes / "changed").mkdir()
    (dex := out / "code").write_bytes(b"not dex")
    apk = sdk.package(base, dex, out)
    sdk.verify(apk)
    data = bytearray(apk.read_bytes())
    data[len(data) // 4] ^= 1
    apk.write_bytes(data)
    with pytest.raises(BuildFailed, match="DOES NOT VERIFY"):
        sdk.verify(apk)


def test_every_class_that_the_manifest_and_the_layouts_name_is_compiled(ui: Path) -> None:
    names = {
        PACKAGE + name
        for build in ("main", "farm")
        for element in manifest(build).iter()
        if (name := element.get(f"{ANDROID}name", "")).startswith(".")
    }
    assert len(names) == 5
    for layout in (MODULE / "src/main/res/layout").glob("*.xml"):
        names |= {e.tag for e in ElementTree.parse(layout).iter() if "." in e.tag}
    compiled = {one.name for one in class_file.read_all(ui)}
    assert names <= compiled


def test_the_app_asks_for_no_permission(base: Path, sdk: Sdk) -> None:
    assert "uses-permission" not in sdk.badging(base)
    removed = [
        e for e in manifest("main") if e.get("{http://schemas.android.com/tools}node") == "remove"
    ]
    assert {e.tag for e in removed} == {"uses-permission", "permission", "instrumentation"}


def test_the_apk_holds_the_artifacts_byte_for_byte(base: Path, embedded: Path) -> None:
    files = [path for path in embedded.rglob("*") if path.is_file() and path.name[0] != "."]
    assert len(files) > 40
    with zipfile.ZipFile(base) as archive:
        for path in files:
            inside = f"assets/artifacts/{path.relative_to(embedded).as_posix()}"
            assert archive.read(inside) == path.read_bytes(), inside


def _android(owner: str, supertypes: dict[str, str]) -> str:
    """Return the class of Android that a class of the app extends."""
    while owner in supertypes:
        owner = supertypes[owner]
    return owner


def _assert_constant(api: Api, owner: str, name: str, written: str) -> None:
    found = android_api.lookup(api, owner, name)
    assert found is not None, f"{owner}.{name}"
    if found.value is not None:
        assert found.value == written, f"{owner}.{name}"
