"""Processes of our own run this package, and nothing of the folder that they start in."""

import subprocess
from pathlib import Path

import slide_mobile
from slide_mobile import child


def test_a_file_of_the_user_s_is_not_taken_for_a_module_of_ours(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit('imported from the current folder')\n")
    command, environment = child.python("slide_mobile", "--version")
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert slide_mobile.__version__ in done.stdout
