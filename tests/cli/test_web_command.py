"""The command `web`: what it prints, its exit codes, and how serving ends."""

import json
import signal
import subprocess
import urllib.request
from pathlib import Path

import artifact_folders
import pytest
from calls import command, run

from slide_mobile.lab.browser import LITERT_JS
from slide_mobile.targets import cached_folders


@pytest.fixture
def artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifact, where LiteRT.js is set up."""
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path / "cache"))
    for name in ("core", "wasm-utils"):
        (LITERT_JS.root / name / "dist").mkdir(parents=True)
        (LITERT_JS.root / name / "dist/index.js").touch()
    return artifact_folders.folder(tmp_path / "made/a").root


def test_it_prints_what_it_wrote_and_what_comes_next(artifact: Path, tmp_path: Path) -> None:
    done = run("web", artifact, "--out", tmp_path / "site", "-q")
    assert done.exit_code == 0, done.output
    assert "1 artifact, LiteRT.js" in done.stdout
    assert f"python3 -m http.server --bind 127.0.0.1 --directory {tmp_path}/site" in done.stdout
    assert "slide-mobile bench --import FILE.json" in done.stdout


def test_json_is_one_object(artifact: Path, tmp_path: Path) -> None:
    done = json.loads(run("web", artifact, "--out", tmp_path / "site", "--json").stdout)
    assert (done["artifacts"], done["address"]) == (["a"], None)
    assert done["size_bytes"] > 10_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "site"), "Missing argument 'ARTIFACTS...'"),
        (("ARTIFACT",), "Missing option '--out'"),
        (("nowhere", "--out", "site"), "nowhere is not an artifact folder"),
        (("ARTIFACT", "--out", "ARTIFACT"), "exists; choose another --out"),
        (("ARTIFACT", "--out", "site", "--port", "1"), "--port is for --serve"),
        (("ARTIFACT", "--out", "site", "--results", "x"), "--results is for --serve"),
        (
            ("ARTIFACT", "--out", "site", "--serve", "--results", "site/measured"),
            "--results is inside --out",
        ),
        (("ARTIFACT", "--out", "site", "--serve", "--port", "65536"), "65536 is not in the range"),
    ],
)
def test_a_wrong_call_is_refused(
    words: tuple[str, ...],
    message: str,
    artifact: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("web", *(str(artifact) if word == "ARTIFACT" else word for word in words))
    assert done.exit_code == 2 and message in done.stderr, done.output
    assert not (tmp_path / "site").exists()


def test_without_litert_js_the_exit_code_is_3(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cached_folders.FOLDER_VARIABLE, str(tmp_path / "empty"))
    done = run("web", artifact, "--out", tmp_path / "site")
    assert done.exit_code == 3 and "slide-mobile lab setup web" in done.stderr


def test_ctrl_c_ends_serving_with_exit_code_0(artifact: Path, tmp_path: Path) -> None:
    words = ("web", artifact, "--out", tmp_path / "site", "--serve", "--port", "0", "-q")
    server = subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    address = next(line.split()[1] for line in server.stdout if line.startswith("serving"))
    assert b"<title>Measure in this browser" in urllib.request.urlopen(address).read()
    server.send_signal(signal.SIGINT)
    _, said = server.communicate(timeout=30)
    assert (server.returncode, said) == (0, "")
