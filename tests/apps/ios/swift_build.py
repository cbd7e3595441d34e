"""What is compiled from where, inside the Swift root."""

import json
import subprocess
from pathlib import Path

from swift_root import REPOSITORY

CHECKOUT = Path(__file__).parents[3]
HERE = f"{REPOSITORY}/tests/apps/ios"
APP = f"{REPOSITORY}/apps/ios_demo/SlideMeasure"
CORE = f"{REPOSITORY}/apps/ios_demo/Core"
# In order: each may import those before it.
STUBS = ("CoreGraphics", "CoreVideo", "UIKit", "CoreML", "SwiftUI", "Charts", "PhotosUI")
SWIFT = ["swiftc", "-swift-version", "6"]
LIBRARY = [*SWIFT, "-parse-as-library", "-emit-module"]
BRIDGE = ["-import-objc-header", f"{APP}/SlideMeasure-Bridging-Header.h"]


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    """What it printed; fails the test with it otherwise."""
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr


def manifest_sha256(path: Path) -> str:
    """The seal that a manifest carries."""
    return str(json.loads(path.read_text())["manifest_sha256"])


def index(folder: Path) -> None:
    """Write index.json for the artifact folders that are there."""
    entries = [
        {"folder": path.parent.name, "manifest_sha256": manifest_sha256(path)}
        for path in sorted(folder.glob("*/manifest.json"))
    ]
    text = json.dumps({"schema_version": 1, "artifacts": entries})
    (folder / "index.json").write_text(text)
