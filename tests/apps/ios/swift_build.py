"""Paths and compiler flags inside the Swift root."""

import subprocess
from pathlib import Path

from swift_root import REPOSITORY, WORK

CHECKOUT = Path(__file__).parents[3]
HERE = f"{REPOSITORY}/tests/apps/ios"
APP = f"{REPOSITORY}/apps/ios_demo/SlideMeasure"
CORE = f"{REPOSITORY}/apps/ios_demo/Core"
# In this order, because each may import those before it.
STUBS = ("CoreGraphics", "CoreVideo", "UIKit", "CoreML", "SwiftUI", "Charts", "PhotosUI", "XCTest")
SCRATCH = ["--scratch-path", f"{WORK}/core"]
SWIFT = ["swiftc", "-swift-version", "6"]
LIBRARY = [*SWIFT, "-parse-as-library", "-emit-module"]
BRIDGE = ["-import-objc-header", f"{APP}/SlideMeasure-Bridging-Header.h"]


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command printed; fail the test with it if the command failed."""
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr
