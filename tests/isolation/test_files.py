"""Only regular files are read, up to a limit, and what cannot be read is an OSError."""

import resource
from pathlib import Path

import pytest
from hostile_files import KINDS, put

from slide_mobile.isolation import files


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", [lambda p: files.read(p, most=1 << 20), files.sha256])
def test_what_is_no_file_is_refused_at_once(kind: str, read, tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        read(put(kind, tmp_path / "a"))
    assert caught.value.strerror


@pytest.mark.parametrize("name", ["a\0b", "x" * 256, "x/" * 3000, "", "missing"])
def test_a_name_that_no_file_can_have_is_an_oserror(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        files.read(tmp_path / name, most=10)


@pytest.mark.parametrize(("size", "fits"), [(0, True), (9, True), (10, True), (11, False)])
def test_the_limit_is_the_largest_size(size: int, fits: bool, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * size)
    if fits:
        assert files.read(path, most=10) == b"x" * size
        return
    with pytest.raises(OSError, match="it is larger than 10 bytes"):
        files.read(path, most=10)


def test_a_file_that_claims_no_size_is_read_up_to_the_limit() -> None:
    assert files.read(Path("/proc/self/status"), most=1 << 20).startswith(b"Name:")
    with pytest.raises(OSError, match="larger"):
        files.read(Path("/proc/self/status"), most=10)


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for kind in KINDS:
        with pytest.raises(OSError):
            files.read(put(kind, tmp_path / kind), most=10)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 23  # KiB
