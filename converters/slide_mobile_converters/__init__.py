"""One folder a target; `slide_mobile.targets.converter.Converter` says what each defines."""

import os

# ONNX Runtime 1.31 looks up a host of Microsoft when it is imported, and opens $TMPDIR/.ses, even
# if that is somebody's link. It reads this variable on its import, which happens below this package
# only. Child processes inherit it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
