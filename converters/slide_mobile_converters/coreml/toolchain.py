"""coremltools and the evaluator, imported and run without their remarks.

coremltools warns about every torch and scikit-learn newer than the ones it was tested with, says
on Linux that Apple's frameworks are missing, and draws progress bars on stderr.
"""

from slide_mobile.targets.quiet import quiet

with quiet():
    import coremltools

    import mil_evaluator

__all__ = ["coremltools", "mil_evaluator", "quiet"]
