"""What the Android tests share: the tools, and the app's classes, compiled once a run."""

import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import debian_packages
import jvm as jvm_tools
import pytest
from embedded import embed
from jvm import Jvm
from kotlin_app import BACKENDS, CORE, HERE, REPOSITORY, Harness, kotlin_files, package
from patience import limit
from proof import missing


@pytest.fixture(scope="session")
def jvm(cache: Path) -> Jvm:
    try:
        return jvm_tools.require(cache)
    except debian_packages.NotToBeHad as error:
        missing(f"Android, all of it: {error}")


@pytest.fixture(scope="session")
def android_jar(cache: Path) -> Path:
    """Android's API at level 23, the newest that Debian has packaged."""
    try:
        root = debian_packages.unpack(cache, "bullseye", ["libandroid-23-java"])
    except debian_packages.NotToBeHad as error:
        missing(f"Android's UI: {error}")
    return root / "usr/share/java/com.android.android-23.jar"


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for compiled classes."""
    return tmp_path_factory.mktemp("classes")


@pytest.fixture(scope="session")
def core(jvm: Jvm, classes: Path) -> Path:
    """The core, unmodified: plain Kotlin and Jackson."""
    return jvm.compile(kotlin_files(CORE), classes / "core")


@pytest.fixture(scope="session")
def shims(jvm: Jvm, android_jar: Path, classes: Path) -> Path:
    """Stand-ins for LiteRT's and ExecuTorch's Android libraries, on the wheels' native ones."""
    sources = kotlin_files(HERE / "shims")
    return jvm.compile(sources, classes / "shims", classpath=[jvm.jna, android_jar])


@pytest.fixture(scope="session")
def backends(jvm: Jvm, core: Path, shims: Path, classes: Path) -> Path:
    """The app's backends, unmodified, without Android on the class path."""
    return jvm.compile(kotlin_files(BACKENDS), classes / "backends", classpath=[core, shims])


@pytest.fixture(scope="session")
def harness(
    jvm: Jvm, core: Path, shims: Path, backends: Path, classes: Path, executorch_library: Path
) -> Harness:
    ours = [core, shims, backends]
    compiled = jvm.compile(kotlin_files(HERE / "harness"), classes / "harness", classpath=ours)
    litert = package("ai_edge_litert") / "libLiteRt.so"
    if not litert.is_file():
        missing("LiteRT on the JVM: the ai-edge-litert wheel has no libLiteRt.so here")
    return Harness(
        jvm=jvm,
        classpath=(*ours, compiled, jvm.jna),
        properties={
            "litert.library": litert,
            "litert.version": version("ai-edge-litert"),
            "executorch.library": executorch_library,
            "executorch.version": version("executorch"),
        },
        out=classes,
    )


@pytest.fixture(scope="session")
def executorch_library(classes: Path) -> Path:
    """The executorch wheel's runtime behind a C boundary; JNA calls no C++."""
    if shutil.which("g++") is None:
        missing("ExecuTorch on the JVM: no g++")
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        missing("ExecuTorch on the JVM: the wheel asks for libpython, and this Python has none")
    root = package("executorch")
    runtime = next((root / "extension/pybindings").glob("_portable_lib*.so"))
    libpython = sysconfig.get_config_var("LIBDIR")
    paths = [runtime.parent, package("torch") / "lib", libpython]
    library = classes / "libexecutorch_boundary.so"
    command = [
        "g++", "-std=c++17", "-O1", "-shared", "-fPIC", "-DC10_USING_CUSTOM_GENERATED_MACROS",
        f"-I{root / 'include'}",
        f"-I{root / 'include/executorch/runtime/core/portable_type/c10'}",
        f"-I{REPOSITORY / 'slide_mobile/lab/executorch'}",
        str(HERE / "shims/executorch/threads_and_backends.cpp"), "-o", str(library),
        f"-L{runtime.parent}", f"-l:{runtime.name}",
        # The wheel leaves Python's functions to the program that loads it: here that is Java.
        f"-L{libpython}", "-Wl,--no-as-needed", f"-lpython{sysconfig.get_python_version()}",
        "-Wl,--allow-shlib-undefined", *(f"-Wl,-rpath,{path}" for path in paths),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit(30))
    assert done.returncode == 0, done.stderr[-3000:]
    return library


@pytest.fixture(scope="session")
def embedded(
    demo_artifacts: Callable[[str, str], Path],
    small_artifacts: Callable[[str, str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder as the app has it, with the index: artifacts for both runtimes. It is read-only.

    The int8 artifacts are the trained demo, the others a small model.
    """
    root = tmp_path_factory.mktemp("embedded")
    embed(
        root,
        demo_artifacts("tflite", "int8"),
        demo_artifacts("executorch", "int8"),
        small_artifacts("tflite", "fp32"),
        small_artifacts("executorch", "fp16"),
    )
    return root
