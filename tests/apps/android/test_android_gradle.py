"""The Gradle files, which cannot be run here: compiled against a stub of the DSL.

A stub proves that nothing is misspelt against the stub; apps/android_demo/README.md says so.
"""

import hashlib
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jvm import FLAGS, CompilationFailed, Jvm
from kotlin_app import APP, HERE
from patience import limit

SCRIPTS = {
    "settings.gradle.kts": "Settings",
    "build.gradle.kts": "Project",
    "core/build.gradle.kts": "Project",
    "slide-mobile/build.gradle.kts": "Project",
    "app/build.gradle.kts": "Project",
}
WRAPPER_SHA256 = "81a82aaea5abcc8ff68b3dfcb58b3c3c429378efd98e7433460610fecd7ae45f"
DISTRIBUTION_SHA256 = "20f1b1176237254a6fc204d8434196fa11a4cfb387567519c61556e8710aed78"
KINDS = {"versions": "Version", "libraries": "Library", "plugins": "Plugin"}


@pytest.fixture(scope="module")
def catalog() -> dict[str, Any]:
    return tomllib.loads((APP / "gradle/libs.versions.toml").read_text())


def test_the_scripts_compile(jvm: Jvm, catalog: dict[str, Any], tmp_path: Path) -> None:
    jvm.compile(_wrapped(catalog, tmp_path), tmp_path / "out")


def test_a_misspelt_script_does_not_compile(
    jvm: Jvm, catalog: dict[str, Any], tmp_path: Path
) -> None:
    sources = _wrapped(catalog, tmp_path)
    (sdk,) = (path for path in sources if path.name.startswith("slide"))
    sdk.write_text(
        sdk.read_text().replace("minSdk", "minSdkk").replace("libs.litert", "libs.litter")
    )
    with pytest.raises(CompilationFailed, match=r"minSdkk[\s\S]*litter"):
        jvm.compile(sources, tmp_path / "out")


def test_no_script_is_left_out() -> None:
    found = {p.relative_to(APP).as_posix() for p in APP.rglob("*.kts") if "build/" not in str(p)}
    assert found == SCRIPTS.keys()


def test_the_catalog_is_whole(catalog: dict[str, Any]) -> None:
    """Every version that is referred to exists, and every entry is used."""
    text = "".join((APP / name).read_text() for name in SCRIPTS)
    entries = [*catalog["libraries"].items(), *catalog["plugins"].items()]
    referred = {entry["version"]["ref"] for _, entry in entries}
    for name in catalog["versions"]:
        assert name in referred or f"libs.versions.{name.replace('-', '.')}" in text, name
    assert referred <= catalog["versions"].keys()
    for name in catalog["libraries"]:
        assert f"libs.{name.replace('-', '.')})" in text, name
    for name in catalog["plugins"]:
        assert f"libs.plugins.{name.replace('-', '.')})" in text, name


def test_the_runtimes_are_those_of_the_wheels(catalog: dict[str, Any]) -> None:
    """A .pte needs a runtime no older than its exporter, and the tests run the wheels' kernels."""
    from importlib.metadata import version

    assert catalog["versions"]["litert"] == version("ai-edge-litert")
    assert catalog["versions"]["executorch"] == version("executorch")


def test_the_tests_run_the_jackson_that_ships(catalog: dict[str, Any], jvm: Jvm) -> None:
    names = [path.name for path in jvm.libraries]
    assert f"jackson-core-{catalog['versions']['jackson']}.jar" in names


def test_the_compiler_reads_the_language_of_the_catalog(catalog: dict[str, Any]) -> None:
    language = FLAGS[FLAGS.index("-language-version") + 1]
    assert catalog["versions"]["kotlin"].startswith(f"{language}.")


def test_the_farms_test_spec_starts_what_gradle_builds() -> None:
    """AWS's documentation, "Test spec reference and syntax": phases and variables."""
    spec = yaml.safe_load((APP / "farm/aws-device-farm.yml").read_text())
    assert spec.keys() == {"version", "android_test_host", "phases", "artifacts"}
    assert spec["phases"].keys() <= {"install", "pre_test", "test", "post_test"}
    gradle = (APP / "app/build.gradle.kts").read_text()
    runner = re.search(r'testInstrumentationRunner = "([\w.]+)"', gradle)
    package = re.search(r'applicationId = "([\w.]+)"', gradle)
    assert runner is not None and package is not None
    start, _ = spec["phases"]["test"]["commands"]
    assert f" {package[1]}.test/{runner[1]} " in start
    (pull,) = spec["phases"]["post_test"]["commands"]
    assert f"/Android/data/{package[1]}/files " in pull
    assert 'create("farm")' in gradle and 'testBuildType = "farm"' in gradle


def test_the_wrapper_is_gradles_own_and_fetches_what_it_names() -> None:
    """Both digests are in Gradle's list of checksums (gradle.org/release-checksums)."""
    jar = APP / "gradle/wrapper/gradle-wrapper.jar"
    properties = dict(
        line.split("=", 1)
        for line in (APP / "gradle/wrapper/gradle-wrapper.properties").read_text().splitlines()
    )
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == WRAPPER_SHA256
    assert properties["distributionUrl"].endswith("/distributions/gradle-8.13-bin.zip")
    assert properties["distributionSha256Sum"] == DISTRIBUTION_SHA256
    assert (APP / "gradlew").stat().st_mode & 0o111
    assert (APP / "gradlew.bat").is_file()


def test_the_wrapper_starts_here(tmp_path: Path) -> None:
    """Script, jar and properties fit each other, up to the download: its proxy is not there."""
    done = subprocess.run(
        [str(APP / "gradlew"), "--version"], cwd=APP, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "GRADLE_USER_HOME": str(tmp_path),
             "JAVA_OPTS": "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=9"},
        timeout=limit(60),
    )  # fmt: skip
    assert "https://services.gradle.org/distributions/gradle-8.13-bin.zip" in done.stdout


def test_every_project_that_is_included_is_there() -> None:
    included = re.findall(r'":([\w-]+)"', (APP / "settings.gradle.kts").read_text())
    assert included == ["core", "slide-mobile", "app"]
    for name in included:
        assert (APP / name / "build.gradle.kts").is_file()


def _wrapped(catalog: dict[str, Any], out: Path) -> list[Path]:
    """Write the scripts as functions on Gradle's objects, with the stub and the accessor `libs`."""
    sources = [HERE / "gradle_dsl" / "Dsl.kt", out / "Libs.kt"]
    sources[1].write_text(_accessors(catalog))
    for script, receiver in SCRIPTS.items():
        name = re.sub(r"\W", "_", script)
        path = out / f"{name}.kt"
        body = (APP / script).read_text()
        path.write_text(f"fun {receiver}.{name}_script() {{\n{body}\n}}\n")
        sources.append(path)
    return sources


def _accessors(catalog: dict[str, Any]) -> str:
    """Write accessors as Gradle does: `libs.junit.jupiter` for `junit-jupiter`."""
    trees = {kind: _tree(catalog[kind]) for kind in KINDS}
    lines = ["object libs {", *_objects(trees["libraries"], "Library")]
    for kind in ("versions", "plugins"):
        lines += [f"object {kind} {{", *_objects(trees[kind], KINDS[kind]), "}"]
    return "\n".join([*lines, "}"])


def _tree(entries: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, entry in entries.items():
        node = tree
        for part in name.split("-"):
            node = node.setdefault(part, {})
        node[""] = entry if isinstance(entry, str) else entry.get("module") or entry["id"]
    return tree


def _objects(tree: dict[str, Any], kind: str) -> list[str]:
    lines = []
    for name, node in tree.items():
        if name:
            value = f' : {kind}("{node[""]}")' if "" in node else ""
            lines += [f"object {name}{value} {{", *_objects(node, kind), "}"]
    return lines
