"""Nothing of a user's is written through, replaced or deleted: only artifacts are ours."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO

import pytest
from artifact_folders import folder, plain
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slide_mobile.artifact import atomic
from slide_mobile.artifact.replacing import is_artifact
from slide_mobile.cli import main
from slide_mobile.errors import OutputError

SEEDED = settings(
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FOREIGN_MANIFESTS = (
    b"",
    b"{",
    b"1",
    b"[]",
    b'{"manifest_version": 3, "name": "an extension"}',
    b'{"schema_version": 5}',
    json.dumps(plain() | {"target": None}).encode(),
    b"\0" * 10,
)


def contents(root: Path) -> dict[str, bytes | str]:
    """Every entry below a folder: the bytes of files, and where links lead to."""
    return {
        str(path.relative_to(root)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else "folder"
        for path in sorted(root.rglob("*"))
    }


def embed(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["embed", "-q", *map(str, arguments)])


def put(kind: str, place: Path, elsewhere: Path) -> None:
    """Something of a user's at a place where an artifact would be written."""
    if kind == "file":
        place.write_bytes(b"thesis")
    elif kind == "dangling link":
        place.symlink_to(place.with_name("nowhere"))
    elif kind == "loop of links":
        place.symlink_to(place.name)
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "link to a folder":
        elsewhere.mkdir(exist_ok=True)
        (elsewhere / "thesis").write_bytes(b"1")
        place.symlink_to(elsewhere)
    else:
        place.mkdir()
        (place / "thesis").write_bytes(b"1")
        if kind.startswith("manifest "):
            (place / "manifest.json").write_bytes(FOREIGN_MANIFESTS[int(kind.split()[1])])


KINDS = (
    *("file", "dangling link", "loop of links", "pipe", "link to a folder", "folder"),
    *(f"manifest {number}" for number in range(len(FOREIGN_MANIFESTS))),
)


@pytest.mark.parametrize("kind", KINDS)
def test_force_replaces_nothing_that_is_not_an_artifact(kind: str, tmp_path: Path) -> None:
    put(kind, tmp_path / "a", tmp_path / "elsewhere")
    before = contents(tmp_path) if kind != "pipe" else {}
    with (
        pytest.raises(OutputError, match="is not an artifact, so it is not replaced"),
        atomic.staging(tmp_path / "a", force=True),
    ):
        raise AssertionError("must not be entered")
    assert kind == "pipe" or contents(tmp_path) == before


@pytest.mark.parametrize("kind", KINDS)
def test_embed_replaces_nothing_that_is_not_an_artifact(kind: str, tmp_path: Path) -> None:
    app = tmp_path / "project"
    app.mkdir()
    put(kind, app / "src", tmp_path / "elsewhere")
    before = contents(app) if kind != "pipe" else {}
    done = embed(folder(tmp_path / "out" / "src").root, "--app", app)
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1, done.output
    assert kind == "pipe" or contents(app) == before


@pytest.mark.parametrize("version", [1, 3, 4, 5, 6])
def test_an_artifact_of_any_version_is_one(version: int, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(plain() | {"schema_version": version}))
    assert is_artifact(tmp_path)


@pytest.mark.parametrize("inside", ["src/a/src", "src/src"])
def test_embed_keeps_its_own_source(inside: str, tmp_path: Path) -> None:
    app = tmp_path / "project"
    folder(app / "src")  # an artifact, so that it could be replaced
    root = folder(app / inside).root
    before = contents(app)
    done = embed(root, "--app", app)
    assert done.exit_code == 2 and "lie inside each other" in done.stderr, done.output
    assert contents(app) == before


def test_embed_does_not_copy_an_artifact_into_itself(tmp_path: Path) -> None:
    root = folder(tmp_path / "a").root
    (root / "resources").mkdir()
    before = contents(root)
    assert embed(root, "--app", root / "resources").exit_code == 2
    assert contents(root) == before


def test_what_was_embedded_can_be_embedded_again_with_what_lies_in_it(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    embed(folder(tmp_path / "a").root, "--app", tmp_path / "app")
    (tmp_path / "app" / "a" / "lab.json").write_text("{}")
    done = embed(tmp_path / "app" / "a", "--app", tmp_path / "app")
    assert done.exit_code == 0 and "unchanged" in done.stdout
    assert (tmp_path / "app" / "a" / "lab.json").read_text() == "{}"


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"name": "a web page"}', b'{"schema_version": 2}', b"\xff\xfe"]
)
def test_a_foreign_index_is_refused_and_kept(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "index.json").write_bytes(data)
    done = embed(folder(tmp_path / "a").root, "--app", tmp_path / "app")
    assert done.exit_code == 2 and "is not an index of artifacts" in done.stderr, done.output
    assert contents(tmp_path / "app") == {"index.json": data}


@pytest.mark.parametrize("link", ["app/src/main/assets/artifacts", "app/src/main", "app"])
@pytest.mark.parametrize("target", ["outside", "loop"])
def test_embed_does_not_follow_links_out_of_the_app(link: str, target: str, tmp_path: Path) -> None:
    app, outside = tmp_path / "android", tmp_path / "outside"
    outside.mkdir()
    (app / link).parent.mkdir(parents=True, exist_ok=True)
    (app / "settings.gradle").write_text("")
    (app / link).symlink_to(outside if target == "outside" else (app / link).name)
    done = embed(folder(tmp_path / "a").root, "--app", app)
    assert done.exit_code == 2 and "leads out of the app by a link" in done.stderr, done.output
    assert list(outside.iterdir()) == []


def test_a_link_inside_the_app_is_followed(tmp_path: Path) -> None:
    (tmp_path / "android/app/src/main/assets").mkdir(parents=True)
    (tmp_path / "android/resources").mkdir()
    (tmp_path / "android/settings.gradle").write_text("")
    inside = tmp_path / "android/app/src/main/assets/artifacts"
    inside.symlink_to(tmp_path / "android/resources")
    assert embed(folder(tmp_path / "a").root, "--app", tmp_path / "android").exit_code == 0
    assert (tmp_path / "android/resources/a/model.tflite").is_file()


@SEEDED
@given(name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1))
def test_a_file_is_written_through_no_link(name: str, tmp_path: Path) -> None:
    if name in {".", ".."} or len(name.encode()) > 255:
        return
    outside, place = tmp_path / "outside", tmp_path / "place"
    place.mkdir(exist_ok=True)
    outside.write_bytes(b"kept")
    for old in (f".{name}.partial", name):
        with_link = place / old
        if len(old.encode()) <= 255 and not os.path.lexists(with_link):
            with_link.symlink_to(outside)
    atomic.write_file(place / name, b"new")
    assert outside.read_bytes() == b"kept" and (place / name).read_bytes() == b"new"
    assert not (place / name).is_symlink()
    for path in place.iterdir():
        path.unlink()


def test_names_of_partial_files_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    opened = os.open
    monkeypatch.setattr(os, "open", lambda *a, **k: (seen.append(str(a[0])), opened(*a, **k))[1])
    for _ in range(20):
        atomic.write_file(tmp_path / "a", b"1")
    assert len({name for name in seen if "partial" in name}) == 20


def test_a_place_that_vanishes_is_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        pytest.raises(OutputError, match="was changed while it was written to"),
        atomic.staging(out / "a", force=False) as partial,
    ):
        out.rename(tmp_path / "moved")
        (partial / "model").write_bytes(b"1")
    assert not out.exists()


def test_what_killed_processes_left_is_swept_by_any_later_one(tmp_path: Path) -> None:
    for name in (f".other.partial-{'0' * 32}", f".a.partial-{'f' * 32}"):
        (tmp_path / name / "golden").mkdir(parents=True)
    stale = tmp_path / f".r.html.partial-{'1' * 32}"
    written = tmp_path / f".r.html.partial-{'2' * 32}"
    for path in (stale, written):
        path.write_bytes(b"1")
    kept = [".thesis.partial-2026", ".rsync.partial-abc", "x.partial-" + "0" * 32]
    for name in kept:
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / f".pipe.partial-{'3' * 32}")
    with written.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # by a process that writes it now
        with atomic.staging(tmp_path / "a", force=False):
            pass
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left == sorted([*kept, written.name, f".pipe.partial-{'3' * 32}", "a"])


def test_a_file_that_is_written_sweeps_what_a_killed_process_left(tmp_path: Path) -> None:
    (tmp_path / f".index.json.partial-{'1' * 32}").write_bytes(b"half")
    atomic.write_file(tmp_path / "index.json", b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["index.json"]


def test_a_file_that_was_swept_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, swept = fcntl.flock, []

    def flock(file: IO[bytes], how: int) -> None:
        if not swept:
            swept.extend(tmp_path.iterdir())
            swept[0].unlink()
        lock(file, how)

    monkeypatch.setattr(atomic.fcntl, "flock", flock)
    atomic.write_file(tmp_path / "a", b"1")
    assert len(swept) == 1 and [path.read_bytes() for path in tmp_path.iterdir()] == [b"1"]


@pytest.mark.parametrize("length", [200, 250, 255])
def test_a_long_name_has_room_for_its_sibling(length: int, tmp_path: Path) -> None:
    atomic.write_file(tmp_path / ("x" * length), b"1")
    with atomic.staging(tmp_path / ("y" * length), force=False):
        pass
    assert sorted(len(p.name) for p in tmp_path.iterdir()) == [length, length]
