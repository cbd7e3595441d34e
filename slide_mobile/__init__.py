"""Slide-Transformer vision models on phones: convert, check, benchmark.

Every name below loads on first use, so `import slide_mobile` costs nothing and imports neither
torch nor a mobile toolchain.
"""

import importlib
from typing import TYPE_CHECKING

from slide_mobile._version import __version__ as __version__

if TYPE_CHECKING:
    from slide_mobile import bench as bench
    from slide_mobile import models as models
    from slide_mobile import report as report
    from slide_mobile.artifact.embed import embed as embed
    from slide_mobile.artifact.manifest import Graph as Graph
    from slide_mobile.artifact.manifest import Manifest as Manifest
    from slide_mobile.bench.config import BenchConfig as BenchConfig
    from slide_mobile.bench.measuring import measure as measure
    from slide_mobile.deploy.networks.slide import slide_attention as slide_attention
    from slide_mobile.errors import GateFailed as GateFailed
    from slide_mobile.errors import SlideMobileError as SlideMobileError
    from slide_mobile.errors import ToolchainMissing as ToolchainMissing
    from slide_mobile.errors import UsageError as UsageError
    from slide_mobile.models.catalogue import list_models as list_models
    from slide_mobile.models.registry import create as create
    from slide_mobile.parity.check_result import CheckResult as CheckResult
    from slide_mobile.parity.check_result import ParityFailed as ParityFailed
    from slide_mobile.parity.own import OwnModel as OwnModel
    from slide_mobile.parity.pairwise import Agreement as Agreement
    from slide_mobile.parity.result import ParityReport as ParityReport
    from slide_mobile.parity.source import CalibrationImages as CalibrationImages
    from slide_mobile.parity.source import ModelSource as ModelSource
    from slide_mobile.pipeline.artifact import Artifact as Artifact
    from slide_mobile.pipeline.check import check as check
    from slide_mobile.pipeline.compare import compare as compare
    from slide_mobile.pipeline.convert import convert as convert
    from slide_mobile.pipeline.inspect import inspect as inspect
    from slide_mobile.pipeline.predict import Prediction as Prediction
    from slide_mobile.preprocess import Normalization as Normalization
    from slide_mobile.progress import silent as silent
    from slide_mobile.report.writing import write_report as write_report
    from slide_mobile.signing.signatures import sign as sign
    from slide_mobile.signing.signatures import verify as verify
    from slide_mobile.targets.format import Format as Format

_HOMES = {
    "Agreement": "parity.pairwise",
    "Artifact": "pipeline.artifact",
    "BenchConfig": "bench.config",
    "CalibrationImages": "parity.source",
    "CheckResult": "parity.check_result",
    "Format": "targets.format",
    "GateFailed": "errors",
    "Graph": "artifact.manifest",
    "Manifest": "artifact.manifest",
    "ModelSource": "parity.source",
    "Normalization": "preprocess",
    "OwnModel": "parity.own",
    "ParityFailed": "parity.check_result",
    "ParityReport": "parity.result",
    "Prediction": "pipeline.predict",
    "SlideMobileError": "errors",
    "ToolchainMissing": "errors",
    "UsageError": "errors",
    "check": "pipeline.check",
    "compare": "pipeline.compare",
    "convert": "pipeline.convert",
    "create": "models.registry",
    "embed": "artifact.embed",
    "inspect": "pipeline.inspect",
    "list_models": "models.catalogue",
    "measure": "bench.measuring",
    "sign": "signing.signatures",
    "silent": "progress",
    "verify": "signing.signatures",
    "write_report": "report.writing",
    "slide_attention": "deploy.networks.slide",
}

# Packages that are public themselves: `slide_mobile.models.names()`.
_PACKAGES = ("bench", "models", "report")

__all__ = sorted([*_HOMES, *_PACKAGES])


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    if name in _PACKAGES:
        return importlib.import_module(f"slide_mobile.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'slide_mobile' has no attribute {name!r}")
    return getattr(importlib.import_module(f"slide_mobile.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names, so that completion finds them before they are loaded."""
    return [*__all__, "__version__"]
