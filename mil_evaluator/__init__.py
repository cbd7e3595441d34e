"""Evaluate Core ML programs with PyTorch, on machines without Core ML."""

from mil_evaluator.errors import UnsupportedProgram as UnsupportedProgram
from mil_evaluator.loading import load as load
from mil_evaluator.package import specification as specification
from mil_evaluator.program import Input as Input
from mil_evaluator.program import Operation as Operation
from mil_evaluator.program import Program as Program
from mil_evaluator.rules import RULES as RULES
from mil_evaluator.values import Precision as Precision

EVALUATED = "mil_evaluator: evaluated, not run on Apple hardware"  # LIMITS in one line
LIMITS = (
    "evaluated, not run on Apple hardware: every operation is computed in fp32 and, in float16, "
    "its result rounded once. Fusion, the order and width of accumulation, and the look-up "
    "tables of the Neural Engine are not modelled: this is an estimate, and a device's error may "
    "be larger or smaller."
)
