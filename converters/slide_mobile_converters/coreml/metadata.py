"""What a .mlpackage says about itself: for people, for Xcode, and for `activations`."""

import json
from collections.abc import Mapping
from typing import Any

from slide_mobile.targets.converter import AUTHOR, LICENSE, Request
from slide_mobile.tasks import STAGES

MODULES = "modules"  # key of the module table in the user-defined metadata
_PREVIEW = "com.apple.coreml.model.preview.type"
_VERSION = "com.github.apple.coremltools.version"
_DESCRIPTIONS = {
    "image": "RGB image; the model normalises it",
    "logits": "One number a class, before softmax, in the order of the labels",
    "classLabel": "The most probable class",
    "classLabel_probs": "Probability of each class",
    **{name: f"Map at stride {4 << i}: channels, rows, columns" for i, name in enumerate(STAGES)},
}


def describe(spec: Any, request: Request, modules: Mapping[str, str]) -> None:
    """Fill in the metadata of a specification (protobuf), in place.

    `modules` maps the name of a variable to the path of the module whose output it is.
    """
    metadata = spec.description.metadata
    metadata.author, metadata.license = AUTHOR, LICENSE
    metadata.versionString = request.version
    metadata.shortDescription = request.description
    for feature in (*spec.description.input, *spec.description.output):
        feature.shortDescription = _DESCRIPTIONS.get(feature.name, "Output of the network")
    own = metadata.userDefined
    kept = own[_VERSION]
    own.clear()
    own.update({**request.facts, _VERSION: kept})
    if request.task == "classify":
        own[_PREVIEW] = "imageClassifier"
    own[MODULES] = json.dumps(modules, separators=(",", ":"))
