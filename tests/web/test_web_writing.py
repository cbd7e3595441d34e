"""What a site consists of, which artifacts it takes, and what it replaces."""

import base64
import hashlib
import re
import shutil
from pathlib import Path

import artifact_folders
import pytest

from slide_mobile import web
from slide_mobile.artifact import documents
from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import (
    ArtifactError,
    EnvironmentMissing,
    GateFailed,
    OutputError,
    SlideMobileError,
    UsageError,
)
from slide_mobile.progress import silent
from slide_mobile.web.site import SITE, Site, digest

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "slide_mobile/web/page"


def write(out: Path, *artifacts: Path, force: bool = False) -> Site:
    return web.write(artifacts, out, force=force, progress=silent)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return artifact_folders.folder(tmp_path / "made/model-a").root


def test_a_site_has_the_page_the_runtime_and_whole_artifacts(
    litert_js: Path, artifact: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new/site"
    (artifact / "notes.txt").write_text("not listed in the manifest")
    site = write(out, artifact)
    assert site == documents.decode((out / SITE).read_bytes(), Site)
    copy = ArtifactFolder.open(out / "artifacts/model-a")
    copy.verify()
    assert [item.manifest_sha256 for item in site.artifacts] == [copy.manifest_sha256]
    assert not (copy.root / "notes.txt").exists()
    for path in litert_js.rglob("*.js"):
        copied = out / "litert" / path.relative_to(litert_js)
        assert copied.read_bytes() == path.read_bytes()
        # With npm's date, a browser would be told that it has the file already.
        assert copied.stat().st_mtime > path.stat().st_mtime
    assert (out / "LICENSE.txt").read_bytes() == (ROOT / "LICENSE").read_bytes()
    # A service worker can keep nothing of a list with a file that is not there.
    assert all((out / name).is_file() for name in site.page)
    assert {path.name for path in out.glob("*.js")} - {*site.page} == {"service-worker.js"}


def test_every_file_that_the_page_names_is_there() -> None:
    for path in PAGE.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', path.read_text()):
            assert (PAGE / name).is_file() or name == "litert/core/dist/index.js"
    page = (PAGE / "index.html").read_text()
    for name in re.findall(r'(?:src|href)="([^":]+)"', page):
        assert (PAGE / name).is_file()


def test_the_page_asks_no_other_server() -> None:
    page = (PAGE / "index.html").read_text()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy
    assert "http" not in policy and "*" not in policy and "unsafe-inline" not in policy
    # The only script inside the page is known to the policy by its digest.
    (inside,) = re.findall(r"<script[^>]*>([^<]+)</script>", page)
    sha256 = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    assert f"'sha256-{sha256}'" in policy


def test_another_site_has_another_digest(litert_js: Path, artifact: Path, tmp_path: Path) -> None:
    first = write(tmp_path / "site", artifact)
    assert write(tmp_path / "same", artifact).digest == first.digest
    artifact_folders.rewrite(artifact, notes=["another"])
    assert write(tmp_path / "other", artifact).digest != first.digest
    assert digest({"a": "1", "b": "2"}) != digest({"a": "2", "b": "1"})


def test_force_replaces_a_site_and_nothing_else(
    litert_js: Path, artifact: Path, tmp_path: Path
) -> None:
    out, mine = tmp_path / "site", tmp_path / "mine"
    write(out, artifact)
    with pytest.raises(OutputError, match="exists"):
        write(out, artifact)
    (out / "stale.js").touch()
    write(out, artifact, force=True)
    assert not (out / "stale.js").exists()
    mine.mkdir()
    (mine / "thesis.tex").touch()
    with pytest.raises(OutputError, match="not replaced"):
        write(mine, artifact, force=True)
    assert [path.name for path in mine.iterdir()] == ["thesis.tex"]


def refused(tmp_path: Path, kind: str) -> tuple[Path, ...]:
    """Artifacts that are not for a site, by what is wrong with them."""
    good = artifact_folders.folder(tmp_path / "made/a")
    root, files = good.root, {"file": "model.onnx", "target": "onnx"}
    match kind:
        case "missing":
            return (tmp_path / "nowhere",)
        case "damaged":
            (root / "model.tflite").write_bytes(b"2")
        case "onnx":
            (root / "model.tflite").rename(root / "model.onnx")
            artifact_folders.rewrite(root, **files)
        case "float16":
            artifact_folders.rewrite(root, input={"dtype": "float16"})
        case "twice":
            return (root, artifact_folders.folder(tmp_path / "again/a").root)
        case "name":
            root = root.rename(tmp_path / "made/.hidden")
    return (root,)


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("missing", ArtifactError, "is not an artifact folder"),
        ("damaged", GateFailed, "does not match the manifest"),
        ("onnx", UsageError, "is for onnx, and a browser runs .tflite files: convert it with"),
        ("float16", UsageError, "has an input or an output in float16"),
        ("twice", UsageError, "two artifacts are named a"),
        ("name", UsageError, "a site cannot have a folder '.hidden'"),
    ],
)
def test_what_a_browser_cannot_run_is_refused_before_anything_is_written(
    kind: str, error: type[SlideMobileError], message: str, litert_js: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        write(tmp_path / "site", *refused(tmp_path, kind))
    assert not (tmp_path / "site").exists()


def test_without_litert_js_the_error_has_the_command(
    empty_cache: Path, artifact: Path, tmp_path: Path
) -> None:
    with pytest.raises(EnvironmentMissing, match=r"run slide-mobile lab setup web$") as caught:
        write(tmp_path / "site", artifact)
    assert caught.value.exit_code == 3 and not (tmp_path / "site").exists()


def test_a_folder_that_cannot_be_written_to_is_one_line(
    litert_js: Path, artifact: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot"):
        write(tmp_path / "file/site", artifact)


def test_a_copy_that_is_not_the_original_leaves_no_site(
    litert_js: Path, artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfile

    def cut(source: Path, target: Path, **options: bool) -> None:
        copy(source, target, **options)
        if Path(source).name == "model.tflite":
            target.write_bytes(b"")

    monkeypatch.setattr(shutil, "copyfile", cut)
    with pytest.raises(GateFailed):
        write(tmp_path / "site", artifact)
    assert not (tmp_path / "site").exists()
