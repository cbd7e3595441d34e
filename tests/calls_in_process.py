"""A command in this process: its exit code, and the lines that it prints on stderr."""

from click.testing import CliRunner

from slide_mobile.cli import main


def outcome(*words: object) -> tuple[int, list[str]]:
    """Call the program quietly; an exception that is not an exit fails the test."""
    done = CliRunner().invoke(main, [*map(str, words), "-q"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code != 70 and "internal error" not in done.stderr, done.stderr
    return done.exit_code, done.stderr.splitlines()
