"""Python environments for packages that cannot share ours: where they are, and how they are made.

`slide-mobile doctor --install NAME` makes one, in the cache (cached_folders.py). Call its Python
only (`python -m ...`): its scripts contain the path of the build folder. pip uses the user's own
index.
"""

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from slide_mobile.errors import EnvironmentMissing, UnknownName
from slide_mobile.targets import cached_folders
from slide_mobile.targets.cached_folders import FOLDER_VARIABLE

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
    "litert-newest": Environment(
        purpose="runs .tflite files with the newest LiteRT (0.1 GB)",
        requirements=("ai-edge-litert==2.3.0", "numpy==2.4.6"),
        size_bytes=150_000_000,
    ),
    "model-signing": Environment(
        # It needs a newer pydantic than our toolchains, and 1.1.1 imports pyOpenSSL without
        # requiring it.
        purpose="signs artifacts, and verifies signatures: sign, verify, embed (0.1 GB)",
        requirements=(
            "model-signing==1.1.1",
            "sigstore==4.5.1",
            "sigstore-models==0.0.6",
            "cryptography==50.0.2",
            "pyOpenSSL==26.4.0",
        ),
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
    pins = (f"python {sys.version_info[:2]}", *ENVIRONMENTS[name].requirements)
    return cached_folders.place(name, pins)


def create(name: str) -> Path:
    """Make an environment unless it exists, and return the path of its Python.

    pip writes its progress to stderr. Raises EnvironmentMissing if it fails, and leaves nothing.
    """
    root = folder(name)

    def make(partial: Path) -> None:
        """Create the environment and install its requirements."""
        try:
            venv.create(partial, with_pip=True, symlinks=True)
            _install(name, partial)
        except (OSError, subprocess.CalledProcessError) as error:
            raise EnvironmentMissing(
                f"the environment {name!r} could not be created in {root.parent} "
                f"({_reason(error)}); set {FOLDER_VARIABLE} to use another folder"
            ) from error

    cached_folders.build(root, make)
    return _python(root)


def _python(root: Path) -> Path:
    return root / "bin" / "python"


def _install(name: str, root: Path) -> None:
    pip = [str(_python(root)), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    install = ["install", "--progress-bar", "off", *ENVIRONMENTS[name].requirements]
    subprocess.run([*pip, *install], stdout=_STDERR, check=True)


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"pip failed with exit code {error.returncode}"
