"""What the shell completes beside commands and options: names that options and arguments take.

Called by click while a line is being typed (https://click.palletsprojects.com/shell-completion), so
nothing here may print or raise.
"""

import click

from slide_mobile import recipes
from slide_mobile.targets import registry


def models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Models that begin like this."""
    from slide_mobile import models as registry  # imports torch, a second or two

    return _matching(registry.names(), incomplete)


def target_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Targets that begin like this."""
    return _matching(registry.names(), incomplete)


def precisions(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Precisions that begin like this, of any target: asking one would import its toolchain."""
    return _matching(list(recipes.RECIPES), incomplete)


def _matching(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
