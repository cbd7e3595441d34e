"""The recommendation: which artifact, its gain, and its cost."""

import dataclasses

from edited import gathered
from measurements import document
from msgspec.structs import replace

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Accuracy
from slide_mobile.report import summary
from slide_mobile.report.advice import HOST, advice
from slide_mobile.report.summary import Row


def with_facts(row: Row, top1: float, size_bytes: int) -> Row:
    """The row of an artifact with another accuracy and size."""
    accuracy = Accuracy(top1=top1, reference_top1=top1, images=10_000)
    manifest = replace(row.manifest, accuracy=accuracy, size_bytes=size_bytes)
    artifact = dataclasses.replace(row.entry.artifact, manifest=manifest)
    return dataclasses.replace(row, entry=dataclasses.replace(row.entry, artifact=artifact))


def test_the_fastest_is_recommended_with_its_gain_and_its_cost(
    artifacts: list[ArtifactFolder],
) -> None:
    contents, documents = gathered(artifacts, [document(artifacts, [4.2, 3.0, 2.0])])
    facts = [(0.9904, 2_300_000), (0.9902, 1_500_000), (0.9900, 1_000_000)]
    rows = [
        with_facts(row, *fact)
        for row, fact in zip(summary.rows(contents, documents), facts, strict=True)
    ]
    said = "int8 on fake: 2.3x smaller and 2.1x faster than fp32 on fake, for 0.04 points of top-1"
    assert advice(rows, documents) == (f"{said}; the fastest that was measured.", HOST)
    same = [with_facts(row, 0.9, size) for row, (_, size) in zip(rows, facts, strict=True)]
    assert "with the same top-1" in advice(same, documents)[0]


def test_without_latencies_the_smallest_is_recommended(artifacts: list[ArtifactFolder]) -> None:
    contents, documents = gathered(artifacts, [])
    rows = [
        with_facts(row, 0.9 + i / 100, 10**6 * (3 - i))
        for i, row in enumerate(summary.rows(contents, documents))
    ]
    (line,) = advice(rows, documents)
    assert line.startswith("int8 on fake: 3.0x smaller than fp32 on fake, with 2.00 points more of")
    assert line.endswith("the smallest; latencies were not compared.")


def test_an_invalid_latency_and_a_failed_artifact_recommend_nothing(
    artifacts: list[ArtifactFolder],
) -> None:
    given = document(artifacts, [4.0, 1.0, 2.0], invalid=[1])
    contents, documents = gathered(artifacts, [given])
    rows = summary.rows(contents, documents)
    assert advice(rows, documents)[0].startswith("int8 on fake: ")
    assert advice(rows[:1], documents) == ()
