"""How long an inference takes, and whether to believe the number."""

from slide_mobile.bench.config import BenchConfig as BenchConfig
from slide_mobile.bench.documents import BenchDocument as BenchDocument
from slide_mobile.bench.measuring import measure as measure
