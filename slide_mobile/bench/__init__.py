"""How long an inference takes, and whether to believe the number."""

from slide_mobile.bench.measure import bench as bench
