"""What a server takes back: documents of its own page, and nothing else."""

import json
import threading
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from slide_mobile.bench import documents
from slide_mobile.errors import OutputError
from slide_mobile.web import receiving, serving
from slide_mobile.web.receiving import MOST_BYTES, OFFER, Inbox

DOCUMENT: dict[str, Any] = {
    "schema_version": 3,
    "source": "web",
    "environment": {
        "device": "Pixel 9", "os": "Android", "os_version": "16", "cpu": "", "cores": 8,
        "memory_bytes": None, "app_version": "0.2.0", "created": "2026-12-01T00:00:00.000Z",
        "runtimes": {"LiteRT.js": "2.5.3"},
    },
    "results": [], "ratios": [], "ratio_intervals": [], "comparisons": [],
}  # fmt: skip
BODY = json.dumps(DOCUMENT).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "measured"


@pytest.fixture
def server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[serving.Server]:
    with serving.bind(folder.parent, 0, Inbox(folder, lambda path: None)) as bound:
        thread = threading.Thread(target=bound.serve_forever, args=(0.01,))
        thread.start()
        yield bound
        bound.shutdown()
        thread.join()


def post(
    server: serving.Server,
    body: bytes = BODY,
    path: str = "/results",
    changes: Mapping[str, str | None] = MappingProxyType({}),
) -> HTTPResponse:
    """Send a body as the page does, with some headers changed, or left out for None."""
    here = f"127.0.0.1:{server.server_port}"
    headers = {
        "Host": here, "Origin": f"http://{here}", "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }  # fmt: skip
    connection = HTTPConnection(serving.HOST, server.server_port, timeout=10)
    connection.putrequest("POST", path, skip_host=True)
    for name, value in {**headers, **changes}.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    connection.send(body)
    return connection.getresponse()


def test_a_document_becomes_a_file_that_bench_reads(server: serving.Server, folder: Path) -> None:
    answer = post(server)
    assert answer.status == 201
    name = json.loads(answer.read())["file"]
    assert documents.read(folder / name).environment.device == "Pixel 9"
    assert post(server).status == 201  # once more is the same file
    assert [path.name for path in folder.iterdir()] == [name]


def test_every_answer_offers_it(server: serving.Server) -> None:
    connection = HTTPConnection(serving.HOST, server.server_port, timeout=10)
    connection.request("GET", "/none")
    assert connection.getresponse().headers[OFFER] == "yes"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": None}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Host": None}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": None}, 415),
        ({"Content-Length": None}, 411),
        ({"Content-Length": "-1"}, 411),
        ({"Content-Length": "\xb2"}, 411),
        ({"Content-Length": str(MOST_BYTES + 1)}, 413),
        ({"Content-Length": "9" * 5000}, 413),
    ],
)
def test_another_sender_is_refused(
    changes: dict[str, str | None], status: int, server: serving.Server, folder: Path
) -> None:
    assert post(server, changes=changes).status == status
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("path", ["/", "/results/", "/../results", "/results?x", "/site.json"])
def test_another_path_is_refused(path: str, server: serving.Server, folder: Path) -> None:
    assert post(server, path=path).status == 404
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema_version": 3}',
        BODY.replace(b'"web"', b'"host"'),
        BODY.replace(b'"web"', b'"r\\u00e9sum\\u00e9\\u2028\\n"'),
        json.dumps(DOCUMENT | {"imported": [DOCUMENT]}).encode(),
        json.dumps(DOCUMENT | {"more": 1}).encode(),
        BODY.replace(b'"cores": 8', b'"cores": 1e999'),
    ],
)
def test_anything_but_a_pages_document_is_refused(
    body: bytes, server: serving.Server, folder: Path
) -> None:
    assert post(server, body).status == 422
    assert list(folder.iterdir()) == []


def test_a_flood_ends_with_a_full_folder(
    server: serving.Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MOST_FILES", 2)
    bodies = [BODY.replace(b"Pixel 9", f"Pixel {i}".encode()) for i in range(4)]
    assert [post(server, body).status for body in bodies] == [201, 201, 507, 507]
    assert post(server, bodies[0]).status == 201  # it is there
    assert len(list(folder.iterdir())) == 2


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot create the folder"):
        Inbox(tmp_path / "file/measured", lambda path: None)


def test_a_disk_that_is_full_is_told_to_the_page(
    server: serving.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OutputError("no space")

    monkeypatch.setattr(receiving, "write_file", full)
    assert post(server).status == 507
