"""What the shell completes besides commands and options: models, targets and precisions.

Click calls these functions while a line is typed (https://click.palletsprojects.com/shell-completion),
so they print nothing and raise nothing.
"""

from collections.abc import Iterable

import click

from slide_mobile import recipes
from slide_mobile.models import catalogue
from slide_mobile.targets import registry


def models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Models whose names begin with what was typed."""
    return _matching((row.name for row in catalogue.list_models()), incomplete)


def target_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Targets whose names begin with what was typed."""
    return _matching(registry.names(), incomplete)


def precisions(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Precisions of any target: to ask one target for its own would import its toolchain."""
    return _matching(recipes.RECIPES, incomplete)


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    """The names that begin with what was typed."""
    return [name for name in names if name.startswith(incomplete)]
