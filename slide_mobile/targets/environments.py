"""Toolchains that cannot share our environment, each in one of its own.

    python -m slide_mobile.targets.environments NAME...     make what is not there yet
    python -m slide_mobile.targets.environments --list

They lie below the user's cache folder, or below SLIDE_MOBILE_ENVIRONMENTS, in a folder named after
the pins, so that other pins are another environment. One is made aside and renamed at the end:
whatever is there is whole. Only its Python is to be called (`python -m ...`); the scripts beside it
remember the folder that they were made in. pip takes packages from where the user's pip does.
"""

import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from slide_mobile.errors import INTERRUPTED, EnvironmentMissing, SlideMobileError, UnknownName

FOLDER_VARIABLE = "SLIDE_MOBILE_ENVIRONMENTS"
_STDERR = 2


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What an environment is for, what pip installs into it, and what it takes on disk."""

    purpose: str
    requirements: tuple[str, ...]
    size_bytes: int


def _tensorflow(version: str, numpy: str) -> Environment:
    return Environment(
        purpose=f"runs .tflite files on the TFLite of TensorFlow {version} (1.4 GB)",
        requirements=(f"tensorflow-cpu=={version}", f"numpy=={numpy}", "keras==3.15.1"),
        size_bytes=1_400_000_000,
    )


ENVIRONMENTS: dict[str, Environment] = {
    "onnx2tf": Environment(
        # 1.29 is the last that takes Python 3.11. It pins its own requirements, numpy 1.26 among
        # them, which ExecuTorch cannot live with; TensorFlow 2.19 leaves Keras open.
        purpose="the second road to TFLite, --via onnx (2.6 GB)",
        requirements=("onnx2tf==1.29.24", "keras==3.15.1"),
        size_bytes=2_600_000_000,
    ),
    "tflite-runtime-2.14": Environment(
        purpose="runs .tflite files on the oldest TFLite still in apps (0.1 GB)",
        requirements=("tflite-runtime==2.14.0", "numpy==1.26.4"),
        size_bytes=100_000_000,
    ),
    "tensorflow-2.17": _tensorflow("2.17.1", "1.26.4"),
    "tensorflow-2.18": _tensorflow("2.18.1", "2.0.2"),
    "tensorflow-2.19": _tensorflow("2.19.1", "2.1.3"),
}


def python_of(name: str) -> Path:
    """The Python of an environment; raises EnvironmentMissing if it has not been made."""
    if not exists(name):
        raise EnvironmentMissing(f"this needs the environment {name!r}: {command(name)}")
    return _python(folder(name))


def exists(name: str) -> bool:
    """Whether an environment has been made, with the pins that this version has."""
    return os.access(_python(folder(name)), os.X_OK)


def command(name: str) -> str:
    """The one command that makes an environment, whichever `python` the shell finds."""
    found = shutil.which("python")
    ours = found is not None and Path(found) == Path(sys.executable)
    python = "python" if ours else shlex.quote(sys.executable)
    return f"{python} -m slide_mobile.targets.environments {name}"


def pin(distribution: str) -> str:
    """The version that an environment has of a distribution; raises UnknownName."""
    pins = dict(
        requirement.split("==")
        for environment in ENVIRONMENTS.values()
        for requirement in environment.requirements
    )
    if distribution not in pins:
        raise UnknownName("pinned distribution", distribution, pins)
    return pins[distribution]


def folder(name: str) -> Path:
    """Where an environment lies, made or not; raises UnknownName."""
    if name not in ENVIRONMENTS:
        raise UnknownName("environment", name, ENVIRONMENTS)
    pins = "\n".join((f"python {sys.version_info[:2]}", *ENVIRONMENTS[name].requirements))
    return cache() / f"{name}-{hashlib.sha256(pins.encode()).hexdigest()[:10]}"


def create(name: str) -> Path:
    """Make an environment if it is not there, and return its Python.

    pip reports on stderr meanwhile. Raises EnvironmentMissing where it cannot be made: nothing is
    left then.
    """
    root = folder(name)
    if exists(name):
        return _python(root)
    partial = root.with_name(f".{root.name}.partial")
    with _alone(partial):
        if exists(name):  # another process has just made it
            return _python(root)
        shutil.rmtree(partial, ignore_errors=True)  # of a killed process
        try:
            venv.create(partial, with_pip=True, symlinks=True)
            _install(name, partial)
            partial.rename(root)
        except (OSError, subprocess.CalledProcessError) as error:
            raise EnvironmentMissing(
                f"the environment {name!r} could not be made ({_reason(error)}); its folder is "
                f"below {root.parent}, {FOLDER_VARIABLE} names another"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return _python(root)


def cache() -> Path:
    """Where the environments lie."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "slide-mobile")


def _python(root: Path) -> Path:
    return root / "bin" / "python"


@contextlib.contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Keep other processes from making the same environment meanwhile."""
    lock = partial.with_suffix(".lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise EnvironmentMissing(
            f"cannot write to {lock.parent} ({error.strerror}); {FOLDER_VARIABLE} names another"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(name: str, root: Path) -> None:
    pip = [str(_python(root)), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    install = ["install", "--progress-bar", "off", *ENVIRONMENTS[name].requirements]
    subprocess.run([*pip, *install], stdout=_STDERR, check=True)


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"pip ended with {error.returncode}"


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--list", "listed", is_flag=True, help="What there is, and what has been made.")
def main(names: tuple[str, ...], listed: bool) -> None:
    """Make the environments of these names, those that are not there yet."""
    if listed or not names:
        for name, environment in ENVIRONMENTS.items():
            state = "ready" if exists(name) else "absent"
            click.echo(f"{name:20} {state:7} {environment.purpose}")
        return
    try:
        for name in names:
            folder(name)  # an unknown one is told before any is made
        for name in names:
            click.echo(f"{name}: {'ready' if exists(name) else 'making it'}", err=True)
            click.echo(str(create(name)))
    except SlideMobileError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:  # click's own exit code for it is 1
        click.echo("Error: interrupted; what was finished is kept", err=True)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
