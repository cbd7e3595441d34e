"""Writes slide_mobile/models/census.json: the size of every model in the registry.

    python -m tools.count_models

Run it after a model was added or changed; tests/models/test_catalogue.py fails until then.
"""

from slide_mobile import models
from slide_mobile.artifact import documents
from slide_mobile.models import catalogue, census

COMMAND = "python -m tools.count_models"


def main() -> None:
    """Count every public model, half a minute on one core."""
    rows = tuple(census.row(models.spec(name)) for name in models.names())
    document = catalogue.Census(written_by=COMMAND, models=rows)
    catalogue.CENSUS.write_bytes(documents.encode(document))


if __name__ == "__main__":
    main()
