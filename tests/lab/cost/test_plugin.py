"""The model of the caches in plugin.c, compiled into a program of its own."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from slide_mobile.lab.cost.parts import SOURCE

COMPILER = shutil.which("cc")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")

# QEMU's functions, and a main program: CACHE... -- [rw]ADDRESS...
HARNESS = r"""
#include "plugin.c"
#define UNUSED(type, name, ...) type name(__VA_ARGS__)
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t a, tb_cb b) {}
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *a, exec_cb b,
                                          enum qemu_plugin_cb_flags c, void *d) {}
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *a, mem_cb b,
                                      enum qemu_plugin_cb_flags c, enum qemu_plugin_mem_rw d,
                                      void *e) {}
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t a, syscall_cb b) {}
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t a, exit_cb b, void *c) {}
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *a) { return 0; }
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *a, size_t b)
{ return NULL; }
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *a) { return NULL; }
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *a) { return 0; }
unsigned qemu_plugin_mem_size_shift(uint32_t what) { return what >> 1; }
bool qemu_plugin_mem_is_store(uint32_t what) { return what & 1; }
int main(int argc, char **argv)
{
    int i = 1;
    for (; strcmp(argv[i], "--"); i++)
        if (!add_cache(argv[i]))
            return 2;
    yields = 1;
    for (i++; i < argc; i++)
        accessed(0, 4 << 1 | (argv[i][0] == 'w'), strtoull(argv[i] + 1, NULL, 0), NULL);
    for (int level = 0; level < levels; level++)
        printf("%d %d %d\n", (int)caches[level].fills, (int)caches[level].claims,
               (int)caches[level].write_backs);
}
"""

Lines = tuple[int, int, int]  # fills, claims, write-backs


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "main.c").write_text(HARNESS)
    command = [str(COMPILER), "-O1", f"-I{SOURCE.parent}", "-o", "main", "main.c"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "main"


def run(program: Path, caches: Sequence[str], accesses: Sequence[str]) -> list[Lines]:
    done = subprocess.run(
        [str(program), *caches, "--", *accesses], capture_output=True, text=True, check=True
    )
    rows = (map(int, line.split()) for line in done.stdout.splitlines())
    return [(fills, claims, back) for fills, claims, back in rows]


def lines(kind: str, numbers: Sequence[int]) -> list[str]:
    """Accesses of 16 bytes each, one to each line."""
    return [f"{kind}{64 * number}" for number in numbers]


def test_a_line_is_fetched_once(program: Path) -> None:
    everything = [f"r{address}" for address in range(0, 1024, 16)]
    assert run(program, ["2048:2"], everything * 3) == [(16, 0, 0)]


def test_an_access_across_two_lines_touches_both(program: Path) -> None:
    assert run(program, ["2048:2"], ["r56"]) == [(2, 0, 0)]


def test_a_stream_longer_than_the_cache_hits_the_next_one_only(program: Path) -> None:
    stream = lines("r", range(32))  # in turn through 16 lines: LRU never has the next one
    assert run(program, ["1024:4", "4096:4"], stream * 3) == [(96, 0, 0), (32, 0, 0)]


def test_the_least_recently_used_line_of_a_set_goes(program: Path) -> None:
    one_set = ["128:2"]  # one set of two ways
    assert run(program, one_set, lines("r", [0, 1, 0, 2, 0])) == [(3, 0, 0)]
    assert run(program, one_set, lines("r", [0, 1, 2, 0])) == [(4, 0, 0)]


def test_a_written_line_is_claimed_and_goes_back_when_it_is_replaced(program: Path) -> None:
    accesses = [*lines("w", [0]), *lines("r", [1, 2, 3])]
    assert run(program, ["128:2", "4096:4"], accesses) == [(3, 1, 1), (3, 1, 0)]


def test_a_line_that_was_read_before_it_is_written_goes_back_too(program: Path) -> None:
    accesses = [*lines("r", [0]), *lines("w", [0]), *lines("r", [0, 1, 2])]
    assert run(program, ["128:2"], accesses) == [(3, 0, 1)]


def test_a_whole_line_that_comes_back_is_not_fetched(program: Path) -> None:
    # Line 4 drives line 0 out of the second cache; then the first one writes it back into it.
    accesses = [*lines("w", [0]), *lines("r", [2, 4, 0]), *lines("r", [6, 8])]
    assert run(program, ["128:2", "128:2"], accesses)[1] == (4, 1, 1)  # 2, 4, 6 and 8 are fetched


def test_sizes_that_make_no_cache_are_refused(program: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run(program, ["64:2"], [])
