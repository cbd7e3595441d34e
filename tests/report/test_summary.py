"""The summary: which latencies are compared."""

from edited import gathered
from measurements import document
from msgspec.structs import replace

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.report import summary


def test_latencies_of_two_devices_never_stand_in_one_column(
    artifacts: list[ArtifactFolder],
) -> None:
    host = document(artifacts[:2], [4.0, 2.0])
    phone = document(artifacts[1:], [0.5, 0.6], source="android", device="a phone")
    contents, documents = gathered(artifacts, [phone, host])
    rows = summary.rows(contents, documents)
    assert [row.p50_ms is None for row in rows] == [False, False, True]
    assert rows[1].measured is not None and rows[1].measured.setting.device == "a machine"
    (only_phone,) = summary.rows(*gathered(artifacts[1:2], [phone]))
    assert only_phone.measured is not None and only_phone.measured.setting.device == "a phone"


def test_latencies_of_other_threads_stand_in_no_column_of_these(
    artifacts: list[ArtifactFolder],
) -> None:
    given = document(artifacts, [4.0, 2.0, 3.0])
    first = replace(given.results[0], threads=2)
    given = replace(given, results=(first, *given.results[1:]))
    contents, documents = gathered(artifacts, [given])
    rows = summary.rows(contents, documents)
    assert [row.p50_ms is None for row in rows] == [True, False, False]
    assert (
        str(summary.compared_on(documents))
        == "a machine, a processor, a development machine, cpu, 1 thread"
    )
