"""Take back what a page measured: only from the site's own page, and only a bench document."""

import hashlib
import threading
from collections.abc import Callable
from email.message import Message
from http import HTTPStatus
from pathlib import Path

from slide_mobile.artifact import documents
from slide_mobile.artifact.atomic import make_folder, write_file
from slide_mobile.artifact.documents import DocumentError
from slide_mobile.bench import BenchDocument
from slide_mobile.bench.documents import MOST_IMPORTED
from slide_mobile.errors import OutputError

PATH = "/results"
OFFER = "Slide-Mobile-Takes-Results"  # a header of every answer; the page then has a button
MOST_BYTES = 1 << 22  # 20 rows of 10,000 runs each
MOST_FILES = MOST_IMPORTED  # what `bench --import` takes
MOST_CHARACTERS = 200  # of a reason


class Refused(Exception):
    """What was sent is not taken; the text says why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Inbox:
    """A folder for results, each in a file that is named by its digest.

    `received` is called with the path of each new file, from any thread. Raises OutputError where
    the folder cannot be made.
    """

    def __init__(self, folder: Path, received: Callable[[Path], None]) -> None:
        make_folder(folder)
        self._folder, self._received = folder, received
        self._lock = threading.Lock()

    def require_ours(self, path: str, headers: Message) -> int:
        """The length of a body that the site's own page sends; raises Refused.

        Another page may send requests here, too, but a browser names it in them.
        """
        if path != PATH:
            raise Refused(HTTPStatus.NOT_FOUND, f"Results go to {PATH}")
        if headers.get("Origin") != f"http://{headers.get('Host')}":
            raise Refused(HTTPStatus.FORBIDDEN, "The page is not of this server")
        if headers.get("Content-Type") != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A result is JSON")
        length = headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "A result says its length")
        if len(length) > len(str(MOST_BYTES)) or int(length) > MOST_BYTES:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A result has at most {MOST_BYTES} bytes"
            )
        return int(length)

    def keep(self, body: bytes) -> str:
        """Write a document to its file, and return the file's name; raises Refused.

        The same document twice is one file.
        """
        data = documents.encode(_page_document(body))
        path = self._folder / f"page-{hashlib.sha256(data).hexdigest()[:16]}.json"
        with self._lock:
            try:
                if path.exists():
                    return path.name
                if sum(1 for _ in self._folder.iterdir()) >= MOST_FILES:
                    raise Refused(
                        HTTPStatus.INSUFFICIENT_STORAGE,
                        f"The folder has {MOST_FILES} files already",
                    )
                write_file(path, data)
            except (OSError, OutputError) as error:
                raise Refused(HTTPStatus.INSUFFICIENT_STORAGE, "It cannot be written") from error
            self._received(path)
        return path.name


def _page_document(body: bytes) -> BenchDocument:
    """The document; raises Refused for anything else than what a page measured."""
    try:
        document = documents.decode(body, BenchDocument)
    except DocumentError as error:
        why = documents.shortened(error, MOST_CHARACTERS)
        # A reason phrase is one line of Latin-1.
        line = why.encode("ascii", "backslashreplace").decode()
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"Not a measurement: {line}") from error
    if document.source != "web" or document.imported:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "Not a measurement of a page")
    return document
