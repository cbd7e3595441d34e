"""Python environments for packages that cannot share ours: where they are, and how they are made.

`slide-mobile doctor --install NAME` makes one. They are kept in the user's cache folder, or in the
folder that SLIDE_MOBILE_ENVIRONMENTS names. The name of each folder contains a hash of its pinned
requirements, so changed pins make another environment. An environment is built beside its final
place and renamed when it is complete: a folder that is there is whole. Call its Python only
(`python -m ...`): its scripts contain the path of the build folder. pip uses the user's own index.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slide_mobile.errors import EnvironmentMissing, UnknownName

FOLDER_VARIABLE = "SLIDE_MOBILE_ENVIRONMENTS"
_STDERR = 2


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Purpose of an environment, the requirements that pip installs, and its size on disk."""

    purpose: str
    requirements: tuple[str, ...]
    size_bytes: int


def _tensorflow(version: str, numpy: str) -> Environment:
    return Environment(
        purpose=f"runs .tflite files with the TFLite of TensorFlow {version} (1.4 GB)",
        requirements=(f"tensorflow-cpu=={version}", f"numpy=={numpy}", "keras==3.15.1"),
        size_bytes=1_400_000_000,
    )


ENVIRONMENTS: dict[str, Environment] = {
    "onnx2tf": Environment(
        # 1.29 is the last release for Python 3.11. It pins numpy 1.26, but ExecuTorch needs
        # numpy 2. TensorFlow 2.19 does not pin Keras.
        purpose="the second exporter for TFLite, --via onnx (2.6 GB)",
        requirements=("onnx2tf==1.29.24", "keras==3.15.1"),
        size_bytes=2_600_000_000,
    ),
    "tflite-runtime-2.14": Environment(
        purpose="runs .tflite files with the oldest TFLite still used by apps (0.1 GB)",
        requirements=("tflite-runtime==2.14.0", "numpy==1.26.4"),
        size_bytes=100_000_000,
    ),
    "tensorflow-2.17": _tensorflow("2.17.1", "1.26.4"),
    "tensorflow-2.18": _tensorflow("2.18.1", "2.0.2"),
    "tensorflow-2.19": _tensorflow("2.19.1", "2.1.3"),
}


def python_of(name: str) -> Path:
    """Path of an environment's Python; raises EnvironmentMissing if it has not been made."""
    if not exists(name):
        raise EnvironmentMissing(f"this needs the environment {name!r}: run {command(name)}")
    return _python(folder(name))


def exists(name: str) -> bool:
    """Whether the environment has been made, with the pins of this version."""
    return os.access(_python(folder(name)), os.X_OK)


def command(name: str) -> str:
    """The command that makes an environment."""
    return f"slide-mobile doctor --install {name}"


def pin(distribution: str) -> str:
    """The pinned version of a distribution in an environment; raises UnknownName."""
    pins = dict(
        requirement.split("==")
        for environment in ENVIRONMENTS.values()
        for requirement in environment.requirements
    )
    if distribution not in pins:
        raise UnknownName("pinned distribution", distribution, pins)
    return pins[distribution]


def folder(name: str) -> Path:
    """Folder of an environment, whether or not it has been made; raises UnknownName."""
    if name not in ENVIRONMENTS:
        raise UnknownName("environment", name, ENVIRONMENTS)
    pins = "\n".join((f"python {sys.version_info[:2]}", *ENVIRONMENTS[name].requirements))
    return cache() / f"{name}-{hashlib.sha256(pins.encode()).hexdigest()[:10]}"


def create(name: str) -> Path:
    """Make an environment unless it exists, and return the path of its Python.

    pip writes its progress to stderr. Raises EnvironmentMissing if it fails, and leaves nothing.
    """
    root = folder(name)
    if exists(name):
        return _python(root)
    partial = root.with_name(f".{root.name}.partial")
    with _alone(partial):
        if exists(name):  # another process has just made it
            return _python(root)
        shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
        try:
            venv.create(partial, with_pip=True, symlinks=True)
            _install(name, partial)
            partial.rename(root)
        except (OSError, subprocess.CalledProcessError) as error:
            raise EnvironmentMissing(
                f"the environment {name!r} could not be created in {root.parent} "
                f"({_reason(error)}); set {FOLDER_VARIABLE} to use another folder"
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return _python(root)


def cache() -> Path:
    """Folder that contains all environments."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "slide-mobile")


def _python(root: Path) -> Path:
    return root / "bin" / "python"


@contextlib.contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Hold a lock, so that no other process makes the same environment at the same time."""
    lock = partial.with_suffix(".lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise EnvironmentMissing(
            f"cannot write to {lock.parent} ({error.strerror}); "
            f"set {FOLDER_VARIABLE} to use another folder"
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
    return f"pip failed with exit code {error.returncode}"
