"""What an .aimodel says about itself: for people, for Xcode, and for `activations`."""

from collections.abc import Mapping

from coreai.runtime import AIModelAssetMetadata

from slide_mobile.targets.converter import AUTHOR, LICENSE, Request

LABELS, MODULES = "labels", "modules"  # keys of the custom metadata


def describe(request: Request, modules: Mapping[int, str]) -> AIModelAssetMetadata:
    """The metadata of an asset; `modules` are paths by the index of an operation."""
    made = AIModelAssetMetadata()
    made.author, made.license = AUTHOR, LICENSE
    made.model_description = request.description
    facts = {**request.facts, "title": request.title, "version": request.version}
    for key, value in facts.items():
        made.set_custom(key, value)
    if request.labels:
        made.set_custom(LABELS, list(request.labels))
    made.set_custom(MODULES, {str(index): path for index, path in modules.items()})
    return made
