"""An APK without an Android SDK: Debian's aapt2, dx, zipalign and apksigner, unpacked in the cache.

The resources are linked against Android 14's, which trixie packages; dx is bullseye's, the last.
"""

import os
import re
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from debian_packages import unpack
from patience import limit

TOOLS = (
    "aapt", "android-libaapt", "android-libandroidfw", "android-libbacktrace", "android-libbase",
    "android-libcutils", "android-liblog", "android-libutils", "android-libziparchive",
    "apksigner", "libapksig-java", "libbcprov-java", "libprotobuf-lite32", "libzopfli1", "p7zip",
    "p7zip-full", "zipalign",
)  # fmt: skip
MIN_SDK, TARGET_SDK = 26, 36
PASSWORD = "android"


class BuildFailed(Exception):
    """A tool failed; the text is its output."""


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """The tools that build an APK."""

    tools: Path
    dx: Path
    framework: Path

    def link(
        self, app: Path, package: str, out: Path, *, assets: Path, values: Mapping[str, str]
    ) -> Path:
        """Link manifest, resources and assets to an APK without code; R.java goes to out/gen.

        `values` are what Gradle puts for ${...} in the manifest.
        """
        compiled = out / "resources.zip"
        self._run("aapt2", "compile", "--dir", str(app / "src/main/res"), "-o", str(compiled))
        manifest = out / "AndroidManifest.xml"
        manifest.write_text(_merged(app / "src/main/AndroidManifest.xml", package, values))
        base = out / "base.apk"
        self._run(
            "aapt2", "link", "-I", str(self.framework), "--manifest", str(manifest),
            "--java", str(out / "gen"), "--min-sdk-version", str(MIN_SDK),
            "--target-sdk-version", str(TARGET_SDK), "--version-code", "1",
            "--version-name", "1.0", "-A", str(assets), "-o", str(base),
            str(compiled),
        )  # fmt: skip
        return base

    def dex(self, folders: Sequence[Path], jars: Sequence[Path], out: Path) -> Path:
        """Convert classes of Java 8 to classes.dex."""
        classes = [str(folder) for folder in folders]
        for jar in jars:
            classes.append(str(_only_classes(jar, out / jar.name)))
        dex = out / "classes.dex"
        command = [
            "java", "-Xmx2g", "-cp", str(self.dx), "com.android.dx.command.Main", "--dex",
            f"--min-sdk-version={MIN_SDK}", f"--output={dex}", *classes,
        ]  # fmt: skip
        _checked(command, {})
        return dex

    def package(self, base: Path, dex: Path, out: Path) -> Path:
        """Add code to an APK, align it, and sign it with a new key."""
        whole = out / "whole.apk"
        with zipfile.ZipFile(base) as source, zipfile.ZipFile(whole, "w") as target:
            for entry in source.infolist():
                target.writestr(entry, source.read(entry))
            target.write(dex, "classes.dex", zipfile.ZIP_DEFLATED)
        aligned = out / "aligned.apk"
        self._run("zipalign", "-f", "4", str(whole), str(aligned))
        key = out / "debug.keystore"
        _checked(
            [
                "keytool", "-genkeypair", "-keystore", str(key), "-storepass", PASSWORD,
                "-alias", "debug", "-keyalg", "RSA", "-keysize", "2048", "-validity", "30",
                "-dname", "CN=debug",
            ],
            {},
        )  # fmt: skip
        signed = out / "app.apk"
        self._apksigner(
            "sign", "--ks", str(key), "--ks-pass", f"pass:{PASSWORD}", "--out", str(signed),
            str(aligned),
        )  # fmt: skip
        return signed

    def verify(self, apk: Path) -> str:
        """Return what apksigner says about a good APK; raises BuildFailed for any other."""
        return self._apksigner("verify", "--verbose", "--min-sdk-version", str(MIN_SDK), str(apk))

    def badging(self, apk: Path) -> str:
        """Return what the APK declares: package, versions, activities."""
        return self._run("aapt", "dump", "badging", str(apk))

    def is_aligned(self, apk: Path) -> bool:
        """Whether the APK is aligned; raises BuildFailed if not."""
        self._run("zipalign", "-c", "4", str(apk))
        return True

    def _apksigner(self, *arguments: str) -> str:
        jars = self.tools / "usr/share/java"
        path = ":".join(str(jars / f"{name}.jar") for name in ("apksigner", "apksig", "bcprov"))
        main = ["java", "-cp", path, "com.android.apksigner.ApkSignerTool"]
        return _checked([*main, *arguments], {})

    def _run(self, tool: str, *arguments: str) -> str:
        libraries = self.tools / "usr/lib/x86_64-linux-gnu"
        plain = self.tools / "usr/lib"
        folders = [libraries / "android", libraries, plain, plain / "p7zip"]
        program = self.tools / "usr/lib/android-sdk/build-tools/debian" / tool
        path = {"LD_LIBRARY_PATH": ":".join(map(str, folders))}
        return _checked([str(program), *arguments], path)


def require(cache: Path) -> Sdk:
    """Return the tools, fetched if they are missing; raises NotToBeHad."""
    return Sdk(
        tools=unpack(cache, "bookworm", TOOLS),
        dx=unpack(cache, "bullseye", ["dalvik-exchange"]) / "usr/share/java/com.android.dx.jar",
        framework=unpack(cache, "trixie", ["android-framework-res"])
        / "usr/share/android-framework-res/framework-res.apk",
    )


def _merged(path: Path, package: str, values: Mapping[str, str]) -> str:
    """Return the manifest as Gradle passes it on: with the package and its values filled in."""
    text = path.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    left = re.findall(r"\$\{\w+\}", text)
    assert not left, f"{path.name} asks for {left}"
    # What the libraries' manifests would add; they are not here.
    text = re.sub(r'\s*<[\w-]+\s[^<>]*tools:node="remove"\s*/>', "", text)
    return re.sub(r"<manifest\b", f'<manifest package="{package}"', text, count=1)


def _only_classes(jar: Path, out: Path) -> Path:
    """Copy a jar without META-INF: dx reads neither module-info nor classes of newer Javas."""
    with zipfile.ZipFile(jar) as source, zipfile.ZipFile(out, "w") as target:
        for entry in source.infolist():
            if entry.filename.endswith(".class") and not entry.filename.startswith("META-INF"):
                target.writestr(entry, source.read(entry))
    return out


def _checked(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=limit(60),
        env=os.environ | dict(environment),
    )  # fmt: skip
    if done.returncode != 0:
        raise BuildFailed(f"{Path(command[0]).name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
