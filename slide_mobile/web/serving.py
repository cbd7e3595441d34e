"""Serve a site on this machine: to its own browsers, with the headers that threads need."""

from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from slide_mobile.errors import UsageError

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

    def end_headers(self) -> None:
        """Send the headers of every answer."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, path: object) -> None:
        """Refuse to list a folder."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: stderr is for errors."""


class Server(ThreadingHTTPServer):
    """A server that ends with the command, whatever its connections do."""

    daemon_threads = True

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing where a browser goes away in the middle of an answer."""


def bind(root: Path, port: int) -> Server:
    """Take the port (0: any that is free), before there is a site to serve; raises UsageError."""
    try:
        return Server((HOST, port), partial(Handler, directory=str(root.absolute())))
    except OSError as error:
        raise UsageError(
            f"cannot serve on port {port} ({error.strerror}); choose another one with --port"
        ) from error


def serve(server: Server) -> None:
    """Answer until Ctrl-C, which is the usual end."""
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return
