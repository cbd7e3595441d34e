"""What a .onnx says about itself, where ONNX Runtime's `get_modelmeta` reads it."""

from onnx import ModelProto

from slide_mobile.targets.converter import AUTHOR, LICENSE, Request


def describe(model: ModelProto, request: Request) -> ModelProto:
    """The model with the request's title, description, version, facts and labels in it."""
    described = ModelProto()
    described.CopyFrom(model)
    described.producer_name, described.producer_version = AUTHOR, request.version
    described.doc_string = request.description
    described.graph.name = request.title
    facts = {
        **request.facts,
        "author": AUTHOR,
        "description": request.description,
        "license": LICENSE,
        "title": request.title,
    }
    if request.labels:
        facts["labels"] = "\n".join(request.labels)
    for key, value in sorted(facts.items()):
        described.metadata_props.add(key=key, value=value)
    return described
