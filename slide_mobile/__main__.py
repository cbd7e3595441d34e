"""The program: `slide-mobile`, or `python -m slide_mobile`."""

import contextlib
import os
import signal
import sys

from slide_mobile.errors import INTERRUPTED

_WRONG, _LACKING, _CRASHED, _BROKEN_PIPE = 2, 3, 70, 141  # as cli/explaining.py has them
_LEAST_BYTES = 1 << 30  # of address space; with less, numpy's libraries end the process


def run() -> None:
    """Parse the command line and exit; a wrong call is one line, like every other error."""
    _fill_descriptors()
    code = _code()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Nothing is left to interrupt, and a library's own exit would print a traceback.
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def _code() -> int:
    """Run the program; its exit code, whatever happens, on import too."""
    if sys.stdout is None:
        return _said("cannot write the result to standard output: it is closed", _WRONG)
    try:
        _require_memory()
        return _called()
    except KeyboardInterrupt:  # before or after a command, which says more
        return _said("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _silenced(_BROKEN_PIPE)
    except MemoryError:
        return _said("out of memory: a conversion needs 6 GB of free memory", _LACKING)
    except OSError as error:  # click has written help or a version
        place = f" ({error.filename})" if error.filename else " to standard output"
        return _silenced(_said(f"cannot write{place}: {error.strerror}", _WRONG))
    except ImportError as error:
        return _said(f"cannot be loaded: {error}"[:300], _LACKING)
    except Exception as error:
        return _said(f"internal error ({type(error).__name__}: {error})"[:300], _CRASHED)


def _called() -> int:
    """Parse the command line, and run the command; raises what click and the system raise."""
    import click

    from slide_mobile.cli import main
    from slide_mobile.cli.commands import Interrupted
    from slide_mobile.cli.session import Session
    from slide_mobile.cli.streams import streams

    stdout = sys.stdout
    try:
        code = main.main(prog_name="slide-mobile", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except SystemExit as end:
        # Click wraps a closed pipe, and exits with 1, which means here that a gate failed.
        return _BROKEN_PIPE if sys.stdout is not stdout else int(end.code or 0)
    except Interrupted:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        with streams(keep=False) as (out, err):
            session = Session(as_json="--json" in sys.argv, quiet=True, out=out, err=err)
            context = getattr(error, "ctx", None)
            hint = f" (see {context.command_path} --help)" if context is not None else ""
            session.fail(_plain(error.format_message()) + hint, error.exit_code)
        return error.exit_code
    except Exception:
        if "--debug" not in sys.argv:
            raise
        return _traceback()


def _fill_descriptors() -> None:
    """Open what is closed of stdin, stdout and stderr: else the next file would get its number.

    A toolchain that prints would then print into that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _require_memory() -> None:
    """Raise MemoryError where the address space is limited so far that a library would exit."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit not in (resource.RLIM_INFINITY, -1) and limit < _LEAST_BYTES:
        raise MemoryError


def _traceback() -> int:
    """Print what --debug shows, without what would steer a terminal."""
    import traceback

    from slide_mobile.cli.terminal import printable

    with contextlib.suppress(OSError):
        sys.stderr.write(printable(traceback.format_exc(), keep="\n"))
    return _CRASHED


def _said(line: str, code: int) -> int:
    """Print an error where nothing of ours may be importable; the exit code."""
    try:
        sys.stderr.write(f"error: {line}\n")
        sys.stderr.flush()
    except OSError:  # Python would try again at its end, and exit with 120
        _silenced(code, stream=2)
    except (ValueError, AttributeError):  # it is closed
        pass
    return code


def _silenced(code: int, *, stream: int = 1) -> int:
    """Drop what Python would try to write again to a stream at its end; the exit code."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    return code


def _plain(message: str) -> str:
    """Click's sentence in the form of our errors: no capital letter, no full stop."""
    return message[:1].lower() + message[1:].removesuffix(".")


if __name__ == "__main__":
    run()
