"""Swift on Linux, and the modules that it builds once a run."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import swift_root
from debian_packages import NotToBeHad
from embedded import write_index
from proof import missing
from swift_build import APP, BRIDGE, CHECKOUT, CORE, HERE, LIBRARY, SCRATCH, SWIFT, succeeded
from swift_root import REPOSITORY, SITE_PACKAGES, WORK, SwiftRoot


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the Swift root sees as WORK."""
    return tmp_path_factory.mktemp("swift")


@pytest.fixture(scope="session")
def swift(cache: Path, work: Path) -> SwiftRoot:
    """A root with Swift 6, which sees the checkout and writes to `work`."""
    try:
        root = swift_root.require(cache)
    except NotToBeHad as error:
        missing(str(error))
    return SwiftRoot(root=root, writable={WORK: work}, readable={REPOSITORY: CHECKOUT})


@pytest.fixture(scope="session")
def core_module(swift: SwiftRoot) -> SwiftRoot:
    """Build SlideCore and its tests as a package; lib/ gets its library and its module."""
    work = swift.writable[WORK]
    succeeded(swift.run(["swift", "build", "--build-tests", *SCRATCH], cwd=CORE))
    built = Path("core/debug")
    objects = sorted((work / built / "SlideCore.build").glob("*.o"))
    (work / "lib").mkdir()
    for path in (work / built / "Modules").glob("SlideCore.*"):
        shutil.copy(path, work / "lib")
    inside = [f"{built}/SlideCore.build/{path.name}" for path in objects]
    succeeded(swift.run(["swiftc", "-emit-library", *inside, "-o", "lib/libSlideCore.so"]))
    return swift


@pytest.fixture(scope="session")
def executorch_module(core_module: SwiftRoot) -> SwiftRoot:
    """ExecuTorch's Swift interface over the wheel's runtime, and the app's own ThreadPool.cpp."""
    try:
        folders = swift_root.python_folders()
    except NotToBeHad as error:
        missing(str(error))
    swift = SwiftRoot(
        root=core_module.root,
        writable=core_module.writable,
        readable={**core_module.readable, **folders},
    )
    packages = folders[SITE_PACKAGES]
    runtimes = sorted((packages / "executorch/extension/pybindings").glob("_portable_lib*.so"))
    if not runtimes:
        missing("the executorch package is not installed")
    headers = f"{SITE_PACKAGES}/executorch/include"
    flags = [
        "-std=c++17", "-O2", "-fPIC", "-DC10_USING_CUSTOM_GENERATED_MACROS", f"-I{headers}",
        f"-I{headers}/executorch/runtime/core/portable_type/c10",
        f"-I{SITE_PACKAGES}/torch/include",
    ]  # fmt: skip
    folder = f"{SITE_PACKAGES}/executorch/extension/pybindings"
    library = sorted(folders[swift_root.LIBPYTHON].glob("libpython3.*.so"))[0].name
    succeeded(swift.run(
        [
            swift_root.CLANG, *flags, "-shared",
            f"{REPOSITORY}/slide_mobile/lab/executorch/c_executorch.cpp",
            f"{APP}/Backends/ThreadPool.cpp", "-o", "lib/libCExecuTorch.so",
            f"{folder}/{runtimes[0].name}", f"{swift_root.LIBPYTHON}/{library}",
            "-Wl,--allow-shlib-undefined",
            f"-Wl,-rpath,{folder}:{swift_root.LIBPYTHON}:{SITE_PACKAGES}/torch/lib",
        ]
    ))  # fmt: skip
    command = [*LIBRARY, "-emit-library", "-O", "-module-name", "ExecuTorch"]
    succeeded(swift.run([
        *command, "-I", f"{HERE}/engine", f"{HERE}/engine/ExecuTorch.swift",
        "-Llib", "-lCExecuTorch", "-Xlinker", "--allow-shlib-undefined",
        "-o", "lib/libExecuTorch.so",
    ]))  # fmt: skip
    return swift


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The output of the app's engine on Linux."""

    code: int
    document: dict[str, Any]  # empty where there is none
    said: str  # on standard error


@pytest.fixture(scope="session")
def measure(executorch_module: SwiftRoot) -> Callable[..., Measured]:
    """`measure(folder, query)`: the app's engine and its unmodified backend, for an address.

    More arguments are environment variables.
    """
    swift = executorch_module
    succeeded(swift.run([
        *SWIFT, "-O", "-module-name", "SlideMeasure", *BRIDGE, "-Ilib",
        "-I", f"{HERE}/engine", f"{HERE}/engine/main.swift",
        f"{APP}/Backends/ExecuTorchBackend.swift", f"{APP}/Backends/CoreMLUnits.swift",
        "-Llib", "-lSlideCore", "-lExecuTorch", "-lCExecuTorch",
        "-Xlinker", "--allow-shlib-undefined", "-Xlinker", f"-rpath={WORK}/lib", "-o", "engine",
    ]))  # fmt: skip

    def measured(artifacts: Path, query: str, **environment: str) -> Measured:
        command = ["./engine", "/artifacts", f"slidemeasure://measure?{query}"]
        done = swift.seeing(artifacts=artifacts).run(command, environment=environment)
        document = json.loads(done.stdout) if done.returncode == 0 else {}
        return Measured(code=done.returncode, document=document, said=done.stderr)

    return measured


@pytest.fixture
def artifacts_folder(tmp_path: Path) -> Callable[..., Path]:
    """`artifacts_folder(artifact, ...)`: copies with an index, as `slide-mobile embed` makes."""

    def folder(*artifacts: Path) -> Path:
        for artifact in artifacts:
            shutil.copytree(artifact, tmp_path / artifact.name)
        write_index(tmp_path)
        return tmp_path

    return folder
