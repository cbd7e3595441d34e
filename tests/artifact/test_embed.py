"""`embed` copies artifacts completely, once, and only those that the app can run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from artifact_folders import folder, rewrite
from click.testing import CliRunner, Result

from slide_mobile.artifact import embed
from slide_mobile.artifact.apps import find
from slide_mobile.artifact.folder import MANIFEST, ArtifactFolder, digest
from slide_mobile.artifact.index import INDEX
from slide_mobile.cli import main
from slide_mobile.errors import GateFailed, OutputError, UnknownName, UsageError

Make = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """Write an artifact whose model file no runtime could load; `embed` does not run it."""

    def make(name: str, target: str = "tflite", backend: str = "xnnpack", content: bytes = b"1"):
        root = tmp_path / "artifacts" / name
        folder(root)
        (root / "model.tflite").unlink()
        suffix = {"tflite": "tflite", "coreml": "mlpackage", "executorch": "pte"}.get(
            target, "onnx"
        )
        model = root / f"model.{suffix}"
        if target == "coreml":
            (model / "Data").mkdir(parents=True)
            (model / "Data/weights.bin").write_bytes(content)
            (model / "Manifest.json").write_bytes(b"{}")
        else:
            model.write_bytes(content)
        rewrite(
            root, target=target, backend=backend, precision="fp32", file=model.name,
            size_bytes=len(content),
        )  # fmt: skip
        return root

    return make


@pytest.fixture
def ios(tmp_path: Path) -> Path:
    (tmp_path / "ios/Demo.xcodeproj").mkdir(parents=True)
    return tmp_path / "ios"


@pytest.fixture
def android(tmp_path: Path) -> Path:
    (tmp_path / "android").mkdir()
    (tmp_path / "android/settings.gradle.kts").write_text("")
    return tmp_path / "android"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["embed", "--quiet", *map(str, arguments)])


def contents(root: Path) -> dict[str, tuple[bytes, int]]:
    """Return bytes and times of all files, to see that an artifact was not written again."""
    return {
        str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


def index(app: Path) -> list[str]:
    document = json.loads((app / INDEX).read_text())
    assert document["schema_version"] == 2
    for item in document["artifacts"]:
        assert digest(app / item["folder"] / MANIFEST) == item["manifest_sha256"]
    return [item["folder"] for item in document["artifacts"]]


def test_a_copy_has_every_byte_and_is_listed(made: Make, ios: Path) -> None:
    b, a = made("b", "coreml", "mlprogram"), made("a", "executorch", "coreml")
    (b / ".DS_Store").write_bytes(b"not the artifact's")
    done = json.loads(run(b, a, "--app", ios, "--json").stdout)
    folder = ios / "Artifacts"
    assert (done["kind"], done["folder"], done["failed"]) == ("ios", str(folder), [])
    assert [item["state"] for item in done["embedded"]] == ["added", "added"]
    assert index(folder) == ["a", "b"] and done["artifacts"][0]["folder"] == "a"
    (b / ".DS_Store").unlink()
    assert digest(folder / "a") == digest(a) and digest(folder / "b") == digest(b)
    ArtifactFolder.open(folder / "b").verify()


def test_again_changes_nothing_and_another_of_the_name_replaces(made: Make, android: Path) -> None:
    root, folder = made("a"), android / "app/src/main/assets/artifacts"
    run(root, "--app", android)
    before = contents(folder)
    again = run(root, "--app", android)
    assert again.exit_code == 0 and "unchanged" in again.stdout
    assert contents(folder) == before
    shutil.rmtree(root)
    made("a", content=b"other")
    assert "replaced" in run(root, "--app", android).stdout
    assert digest(folder / "a") == digest(root) and index(folder) == ["a"]


def test_a_file_too_many_in_the_app_is_cleared_away(made: Make, android: Path) -> None:
    root = made("a", "executorch")
    run(root, "--app", android)
    folder = find(android).folder
    (folder / "a/golden/9.png").write_bytes(b"stray")
    assert "replaced" in run(root, "--app", android).stdout
    assert digest(folder / "a") == digest(root)


@pytest.mark.parametrize(
    ("app", "target", "backend", "message"),
    [
        ("ios", "tflite", "xnnpack", "an iOS app cannot run: it runs Core ML and ExecuTorch"),
        ("ios", "onnx", "cpu", "an iOS app cannot run"),
        ("android", "coreml", "mlprogram", "an Android app cannot run: it runs LiteRT, and"),
        ("android", "executorch", "coreml", "executorch on coreml, which an Android app cannot"),
    ],
)
def test_what_the_app_cannot_run_is_one_line(
    app: str, target: str, backend: str, message: str, made: Make, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(app)
    done = run(made("a", target, backend), "--app", folder)
    assert done.exit_code == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and message in line
    assert list(find(folder).folder.iterdir()) == []


def test_a_file_that_needs_a_newer_runtime_than_the_app_has_is_one_line(
    made: Make, android: Path
) -> None:
    root = made("a")
    rewrite(root, graph={"min_runtime": "2.24.0"})
    (android / "runtimes.json").write_text('{"tflite": "2.23.0"}')
    done = run(root, "--app", android)
    assert (
        done.exit_code == 2
        and "needs tflite 2.24.0 or newer, and the app has 2.23.0" in done.stderr
    )
    assert list(find(android).folder.iterdir()) == []
    (android / "runtimes.json").write_text('{"tflite": "2.24.0"}')
    assert run(root, "--app", android).exit_code == 0


def test_an_app_that_says_nothing_of_its_runtimes_takes_it(made: Make, android: Path) -> None:
    root = made("a")
    rewrite(root, graph={"min_runtime": "99.0"})
    assert run(root, "--app", android).exit_code == 0


def test_any_other_folder_takes_everything(made: Make, tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    roots = [made("a", "onnx", "cpu"), made("b", "coreml", "mlprogram"), made("c")]
    assert run(*roots, "--app", tmp_path / "resources").exit_code == 0
    assert index(tmp_path / "resources") == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["my model", "_model", "modèle"])
def test_a_name_that_an_android_app_does_not_read_is_one_line(
    made: Make, android: Path, ios: Path, name: str
) -> None:
    with pytest.raises(UsageError, match="an Android app cannot have a folder"):
        embed.embed([made(name)], android)
    assert not (find(android).folder / INDEX).exists()
    embed.embed([made(f"{name} too", "coreml", "mlprogram")], ios)  # where folders are files


def test_a_damaged_one_of_several_is_left_out_and_the_rest_goes_on(made: Make, ios: Path) -> None:
    good, damaged = made("good", "executorch"), made("damaged", "executorch")
    (damaged / "model.pte").write_bytes(b"2")
    foreign = made("foreign", "tflite")
    done = run(damaged, ios / "nowhere", foreign, good, "--app", ios, "--json")
    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error"] * 3
    assert lines[0].count(str(damaged)) == lines[2].count(str(foreign)) == 1
    assert "does not match the manifest" in lines[0] and "not an artifact" in lines[1]
    assert len(json.loads(done.stdout)["failed"]) == 3
    assert index(ios / "Artifacts") == ["good"]
    assert run(good, foreign, "--app", ios).exit_code == 2
    assert run(damaged, "--app", ios).exit_code == 1
    assert not list((ios / "Artifacts").glob(".*partial*"))


def test_one_of_another_schema_is_told_apart(made: Make, ios: Path) -> None:
    root = made("a", "executorch")
    plain = json.loads((root / MANIFEST).read_text()) | {"schema_version": 3}
    (root / MANIFEST).write_text(json.dumps(plain))
    done = run(root, "--app", ios)
    assert done.exit_code == 2 and "convert the model again" in done.stderr


def test_remove_takes_the_folder_and_its_line(made: Make, android: Path) -> None:
    for name in ("a", "b"):
        run(made(name), "--app", android)
    folder = find(android).folder
    done = run("--remove", "a", "--remove", "a", "--app", android)
    assert done.exit_code == 0 and done.stdout.count("removed    a") == 1
    assert index(folder) == ["b"] and not (folder / "a").exists()
    refused = run("--remove", "a", "--app", android)
    assert refused.exit_code == 2 and "known: b" in refused.stderr
    with pytest.raises(UnknownName):
        embed.embed([], android, remove=["../.."])


def test_an_index_of_ours_that_is_damaged_is_made_anew(made: Make, android: Path) -> None:
    run(made("a"), "--app", android)
    folder = find(android).folder
    (folder / INDEX).write_text('{"schema_version": 1, "artifacts": ["a"]}')
    (folder / "b").mkdir()  # no artifact
    run(made("c"), "--app", android)
    assert index(folder) == ["a", "c"]


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", ".", "", 5, None, INDEX])
def test_an_index_that_lists_what_is_outside_is_made_anew(
    name: object, made: Make, tmp_path: Path
) -> None:
    app, outside = tmp_path / "app", tmp_path / "outside"
    app.mkdir()
    outside.mkdir()
    run(made("a"), "--app", app)
    listed = [{"folder": name, "manifest_sha256": "0" * 64}]
    (app / INDEX).write_text(json.dumps({"schema_version": 2, "artifacts": listed}))
    done = run("--remove", name, "--app", app)
    assert done.exit_code == 2 and "known: a" in done.stderr and outside.is_dir()
    run(made("b"), "--app", app)
    assert index(app) == ["a", "b"]


def test_the_index_of_a_newer_version_is_left_alone(made: Make, android: Path) -> None:
    run(made("a"), "--app", android)
    path = find(android).folder / INDEX
    path.write_text('{"schema_version": 3}')
    done = run(made("b"), "--app", android)
    assert done.exit_code == 2 and "update slide-mobile" in done.stderr
    assert path.read_text() == '{"schema_version": 3}'


def test_what_was_deleted_from_the_app_is_no_longer_listed(made: Make, android: Path) -> None:
    for name in ("a", "b", "c"):
        run(made(name), "--app", android)
    folder = find(android).folder
    shutil.rmtree(folder / "a")
    shutil.rmtree(folder / "b")
    assert run("--remove", "a", "--app", android).exit_code == 0
    assert index(folder) == ["c"]


def test_calls_that_make_no_sense(made: Make, ios: Path, tmp_path: Path) -> None:
    root = made("a", "executorch")
    twin = tmp_path / "elsewhere/a"
    shutil.copytree(root, twin)
    for call, message in (
        ([], "nothing to do"),
        ([root, twin], "two artifacts are named a"),
        ([root, "--remove", "b"], "no artifact in the app is named 'b'"),
    ):
        done = run(*call, "--app", ios)
        assert done.exit_code == 2 and message in done.stderr
    for app, message in ((tmp_path / "none", "not a folder"), (root, "is an artifact, not an app")):
        done = run(root, "--app", app)
        assert done.exit_code == 2 and message in done.stderr
    (ios / "settings.gradle").write_text("")
    with pytest.raises(UsageError, match="an Xcode and a Gradle project"):
        find(ios)


def test_a_damaged_copy_is_not_kept(made: Make, ios: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = made("a", "executorch", content=b"first")
    run(root, "--app", ios)
    shutil.rmtree(root)
    made("a", "executorch", content=b"other")
    monkeypatch.setattr(shutil, "copyfile", lambda _, to: Path(to).write_bytes(b"{}"))
    with pytest.raises(GateFailed):
        embed.embed([root], ios)
    monkeypatch.undo()
    assert (ios / "Artifacts/a/model.pte").read_bytes() == b"first"
    assert index(ios / "Artifacts") == ["a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_one_line(made: Make, ios: Path) -> None:
    ios.chmod(0o555)
    with pytest.raises(OutputError):
        embed.embed([made("a", "executorch")], ios)


def test_killed_at_any_moment_the_app_has_whole_artifacts_only(made: Make, ios: Path) -> None:
    first, second = (made(name, "executorch", content=b"x" * 4_000_000) for name in "ab")
    run(first, "--app", ios)
    command = [sys.executable, "-m", "slide_mobile", "embed", first, second, "--app", ios]
    for delay in (0.2, 0.3, 0.4, 0.5, 0.6):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as it:
            time.sleep(delay)
            it.send_signal(signal.SIGKILL)
        for name in index(ios / "Artifacts"):
            ArtifactFolder.open(ios / "Artifacts" / name).verify()
    assert run(first, second, "--app", ios).exit_code == 0
    assert index(ios / "Artifacts") == ["a", "b"]
    assert not list((ios / "Artifacts").glob(".*partial*"))


PUBLIC = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"


def test_the_app_trusts_the_keys_that_were_required(tmp_path: Path, made: Make, ios: Path) -> None:
    first, second = tmp_path / "first.pub", tmp_path / "second.pub"
    first.write_bytes(PUBLIC)
    second.write_bytes(PUBLIC.replace(b"AAAA", b"BBBB").strip())
    root = made("a", "coreml", "mlprogram")
    embed.embed([root], ios, trusted=[first, second])
    trusted = ios / "Artifacts/trusted.pem"
    assert trusted.read_bytes() == PUBLIC + PUBLIC.replace(b"AAAA", b"BBBB")
    embed.embed([root], ios)
    assert trusted.read_bytes().startswith(PUBLIC)  # nobody said otherwise
    embed.embed([root], ios, trusted=[second])
    assert PUBLIC not in trusted.read_bytes()


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----"])
def test_nothing_but_keys_is_trusted_and_no_foreign_file_replaced(
    tmp_path: Path, made: Make, ios: Path, content: bytes
) -> None:
    key, bad = tmp_path / "a.pub", tmp_path / "b.pub"
    key.write_bytes(PUBLIC)
    bad.write_bytes(content)
    root = made("a", "coreml", "mlprogram")
    with pytest.raises(UsageError, match=r"b\.pub has no public key in PEM"):
        embed.embed([root], ios, trusted=[bad])
    with pytest.raises(UsageError, match=r"cannot read the key .*missing\.pub"):
        embed.embed([root], ios, trusted=[tmp_path / "missing.pub"])
    (ios / "Artifacts").mkdir(exist_ok=True)
    (ios / "Artifacts/trusted.pem").write_bytes(content)
    with pytest.raises(UsageError, match=r"trusted\.pem has no public key"):
        embed.embed([root], ios, trusted=[key])
    assert (ios / "Artifacts/trusted.pem").read_bytes() == content
