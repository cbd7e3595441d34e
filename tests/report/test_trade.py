"""The charts of what artifacts trade: which numbers are on their axes."""

import dataclasses

from edited import gathered
from measurements import document
from msgspec.structs import replace

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import Accuracy
from slide_mobile.report import summary, trade


def test_accuracy_is_drawn_where_every_artifact_has_it(artifacts: list[ArtifactFolder]) -> None:
    contents, documents = gathered(artifacts, [document(artifacts, [4.0, 2.0, 3.0])])
    rows = summary.rows(contents, documents)
    latency, _ = trade.charts(rows)
    assert latency.title == "SQNR and latency"
    accuracy = Accuracy(top1=0.9, reference_top1=0.91, images=100)
    known = [
        dataclasses.replace(
            row,
            entry=dataclasses.replace(
                row.entry,
                artifact=dataclasses.replace(
                    row.entry.artifact,
                    manifest=replace(row.entry.artifact.manifest, accuracy=accuracy),
                ),
            ),
        )
        for row in rows
    ]
    latency, _ = trade.charts(known)
    assert latency.title == "Top-1 and latency" and latency.table is not None
    assert [row[2] for row in latency.table.rows] == [90.0] * 3
