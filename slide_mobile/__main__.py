"""The program: `slide-mobile`, or `python -m slide_mobile`."""

import sys

from slide_mobile.errors import INTERRUPTED


def run() -> None:
    """Parse the command line and exit; a wrong call is one line, like every other error."""
    try:
        import click

        from slide_mobile.cli import main
        from slide_mobile.cli.session import Session
        from slide_mobile.cli.streams import streams
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    try:
        sys.exit(main.main(prog_name="slide-mobile", standalone_mode=False))
    except click.Abort:
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        with streams(keep=False) as (out, err):
            session = Session(as_json="--json" in sys.argv, quiet=True, out=out, err=err)
            context = getattr(error, "ctx", None)
            hint = f" (see {context.command_path} --help)" if context is not None else ""
            session.fail(_plain(error.format_message()) + hint, error.exit_code)
        sys.exit(error.exit_code)


def _plain(message: str) -> str:
    """Click's sentence in the form of our errors: no capital letter, no full stop."""
    return message[:1].lower() + message[1:].removesuffix(".")


if __name__ == "__main__":
    run()
