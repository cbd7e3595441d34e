"""The server of a site: its headers, its types, what it refuses, and how it ends."""

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from slide_mobile.errors import UsageError
from slide_mobile.web import serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Server]:
    root = tmp_path_factory.mktemp("served") / "site"
    (root / "litert").mkdir(parents=True)
    for name in ("index.html", "main.js", "litert/a.wasm", "site.json", "style.css"):
        (root / name).write_text(name)
    (root.parent / "secret.txt").write_text("not of the site")
    with serving.bind(root, 0) as bound:
        thread = threading.Thread(target=serving.serve, args=(bound,))
        thread.start()
        yield bound
        bound.shutdown()
        thread.join()


def ask(
    server: serving.Server, path: str, method: str = "GET", host: str | None = None
) -> HTTPResponse:
    connection = HTTPConnection(serving.HOST, server.server_port, timeout=10)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    return connection.getresponse()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/litert/a.wasm", "application/wasm"),
        ("/site.json", "application/json"),
        ("/style.css", "text/css; charset=utf-8"),
    ],
)
def test_files_have_their_types_and_the_headers_that_threads_need(
    path: str, kind: str, server: serving.Server
) -> None:
    answer = ask(server, path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


@pytest.mark.parametrize("path", ["/litert/", "/none", "/../secret.txt", "/%2e%2e/secret.txt"])
def test_folders_and_what_is_outside_are_not_found(path: str, server: serving.Server) -> None:
    assert ask(server, path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_sent_to_it(method: str, server: serving.Server) -> None:
    assert ask(server, "/", method).status == 501


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_another_name_of_this_machine_is_refused(method: str, server: serving.Server) -> None:
    port = server.server_port
    assert ask(server, "/main.js", method, f"evil.example:{port}").status == 403
    assert ask(server, "/main.js", method, f"localhost:{port}").status in {200, 501}


def test_it_is_for_this_machine_alone(server: serving.Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/"


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server((serving.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"port {port} \(Address already .*--port$"):
            serving.bind(tmp_path, port)


def test_ctrl_c_is_the_usual_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: serving.Server) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(serving.Server, "serve_forever", interrupted)
    with serving.bind(tmp_path, 0) as server:
        serving.serve(server)
