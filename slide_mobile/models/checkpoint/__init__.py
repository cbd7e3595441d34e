"""Checkpoint files: read them safely, match them to a model, and load them into it."""

from slide_mobile.models.checkpoint.loading import Fit as Fit
from slide_mobile.models.checkpoint.loading import fit as fit
from slide_mobile.models.checkpoint.loading import identify as identify
from slide_mobile.models.checkpoint.loading import inherit as inherit
from slide_mobile.models.checkpoint.reading import Checkpoint as Checkpoint
from slide_mobile.models.checkpoint.reading import in_memory as in_memory
from slide_mobile.models.checkpoint.reading import read as read
from slide_mobile.models.checkpoint.reading import tensors_sha256 as tensors_sha256
from slide_mobile.tasks import Weights as Weights
