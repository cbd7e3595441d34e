"""Serve a site on this machine: to its own browsers, with the headers that threads need.

It takes nothing, unless there is a folder for results (receiving.py).
"""

import json
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, cast

from slide_mobile.errors import UsageError
from slide_mobile.web.receiving import OFFER, Inbox, Refused

HOST = "127.0.0.1"  # a browser also takes it for secure, as it takes https
# Only an isolated page gets memory that threads share, and a clock of 5 microseconds.
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
# The system's own table may lack some, and a browser refuses a module of another type.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}


class Handler(SimpleHTTPRequestHandler):
    """Files of the site, and nothing else: no listings, no log."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds; a connection that says nothing ends
    extensions_map: ClassVar[dict[str, str]] = {  # type: ignore[misc]
        **SimpleHTTPRequestHandler.extensions_map,
        **TYPES,
    }

    def parse_request(self) -> bool:
        """Read a request; one by another name that leads to this machine is refused.

        By DNS rebinding, a page of such a name would read the models.
        """
        if not super().parse_request():
            return False
        port = self._server.server_port
        if self.headers.get("Host") in {f"{HOST}:{port}", f"localhost:{port}"}:
            return True
        self.send_error(HTTPStatus.FORBIDDEN, "The page is not of this server")
        return False

    def end_headers(self) -> None:
        """Send the headers of every answer."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if self._server.inbox is not None:
            self.send_header(OFFER, "yes")
        super().end_headers()

    def do_POST(self) -> None:
        """Take a result, and answer with the name of its file."""
        inbox = self._server.inbox
        if inbox is None:
            self.send_error(HTTPStatus.NOT_IMPLEMENTED, "This server takes no results")
            return
        try:
            length = inbox.require_ours(self.path, self.headers)
            name = inbox.keep(self.rfile.read(length))
        except Refused as refused:
            self.send_error(refused.status, str(refused))
            return
        self._answer(HTTPStatus.CREATED, json.dumps({"file": name}).encode())

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", TYPES[".json"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @property
    def _server(self) -> "Server":
        return cast(Server, self.server)

    def list_directory(self, path: object) -> None:
        """Refuse to list a folder."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: stderr is for errors."""


class Server(ThreadingHTTPServer):
    """A server that ends with the command, whatever its connections do."""

    daemon_threads = True
    inbox: Inbox | None = None

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing where a browser goes away in the middle of an answer."""


def bind(root: Path, port: int, inbox: Inbox | None = None) -> Server:
    """Take the port (0: any that is free), before there is a site to serve; raises UsageError.

    Results are taken where there is an `inbox`.
    """
    try:
        server = Server((HOST, port), partial(Handler, directory=str(root.absolute())))
    except OSError as error:
        raise UsageError(
            f"cannot serve on port {port} ({error.strerror}); choose another one with --port"
        ) from error
    server.inbox = inbox
    return server


def serve(server: Server) -> None:
    """Answer until Ctrl-C, which is the usual end."""
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return
