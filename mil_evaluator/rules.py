"""The rule of every operation type that can be evaluated."""

from collections.abc import Mapping
from types import MappingProxyType

from mil_evaluator import (
    activation,
    classification,
    convolution,
    elementwise,
    indexing,
    linear,
    normalization,
    pooling,
    quantization,
    reduction,
    resizing,
    shape,
)
from mil_evaluator.rule import Function, Rule, rule


def merged(*tables: Mapping[str, Function]) -> Mapping[str, Rule]:
    """Merge the rules of all tables; raises ValueError if two tables have one operation type."""
    rules: dict[str, Rule] = {}
    for table in tables:
        if twice := rules.keys() & table.keys():
            raise ValueError(f"operation types with two rules: {', '.join(sorted(twice))}")
        rules |= {name: rule(function) for name, function in table.items()}
    return MappingProxyType(rules)


RULES: Mapping[str, Rule] = merged(
    elementwise.RULES,
    activation.RULES,
    convolution.RULES,
    pooling.RULES,
    normalization.RULES,
    linear.RULES,
    reduction.RULES,
    shape.RULES,
    indexing.RULES,
    resizing.RULES,
    quantization.RULES,
    classification.RULES,
)
