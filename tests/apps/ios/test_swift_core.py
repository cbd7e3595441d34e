"""The iOS app's core, built and tested where there is no Mac."""

import re

from proof import show
from swift_build import CORE, HERE, SCRATCH, succeeded
from swift_root import REPOSITORY, SwiftRoot


def test_the_core_and_its_tests(core_module: SwiftRoot) -> None:
    output = succeeded(core_module.run(["swift", "test", "--skip-build", *SCRATCH], cwd=CORE))
    found = re.search(r"Test run with (\d+) tests passed", output)
    assert found is not None, output[-3000:]
    overhead = re.search(r"loop overhead: ([\d.]+) microseconds a run", output)
    assert overhead is not None
    # Measured: 1 in a debug build on a shared machine; the app is built with optimization.
    assert float(overhead[1]) < 5
    show(f"Swift core: {found[1]} tests, {overhead[0]}")


def test_the_style_is_swift_formats(swift: SwiftRoot) -> None:
    formatter = "/usr/libexec/swift/bin/swift-format"
    configuration = f"{REPOSITORY}/apps/ios_demo/.swift-format"
    command = [formatter, "lint", "--strict", "--recursive", "--configuration", configuration]
    succeeded(swift.run([*command, f"{REPOSITORY}/apps/ios_demo", f"{HERE}/engine"]))
