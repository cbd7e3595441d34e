"""Cores of phones: how QEMU shows one to a program, LLVM's model of it, and its caches.

Caches are those of one chip with that core. What a line of main memory costs was measured there by
tinymembench and published in sbc-bench's results 41BH (RK3588) and 4xwT (Snapdragon 8cx Gen 3):
writing it costs what `memset` takes, and reading it what `memcpy` takes more than `memset`. Prices
of the inner levels are assumed: half a line a cycle from the second, a quarter from the third.
No measurement of an A510 is known; it gets the A55's prices.
"""

from dataclasses import dataclass

from slide_mobile.errors import UnknownName
from slide_mobile.lab.cost.caches import Cache

_KIB, _MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, kw_only=True)
class Core:
    """A core of a phone.

    `part` and `features` are what /proc/cpuinfo says, from which LiteRT chooses kernels. `emulated`
    is QEMU's name of a CPU with these features, `scheduled` LLVM's name of the scheduling model.
    `in_order` says that the core starts instructions in their order. `chip` is where the caches are
    from.
    """

    name: str
    title: str
    part: int
    features: str
    emulated: str
    scheduled: str
    in_order: bool
    chip: str
    caches: tuple[Cache, ...]

    @property
    def cpuinfo(self) -> str:
        """Contents of /proc/cpuinfo."""
        return (
            f"processor\t: 0\nBogoMIPS\t: 52.00\nFeatures\t: {self.features}\n"
            "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1\n"
            f"CPU part\t: {self.part:#x}\nCPU revision\t: 0\n\n"
        )


# Armv8.2 with half precision and dot products.
_V8_2 = "fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"

_A55 = Core(
    name="a55",
    title="Cortex-A55",
    part=0xD05,
    features=_V8_2,
    emulated="cortex-a76",  # QEMU 7.2 has no A55; both have the same instructions
    scheduled="cortex-a55",
    in_order=True,
    chip="RK3588, LPDDR4X",
    caches=(
        Cache(bytes=32 * _KIB, ways=4, read=2, write=2),
        Cache(bytes=128 * _KIB, ways=4, read=4, write=4),
        Cache(bytes=3 * _MIB, ways=12, read=13.9, write=5.3),
    ),
)
_A76 = Core(
    name="a76",
    title="Cortex-A76",
    part=0xD0B,
    features=_V8_2,
    emulated="cortex-a76",
    scheduled="neoverse-n1",
    in_order=False,
    chip="RK3588, LPDDR4X",
    caches=(
        Cache(bytes=64 * _KIB, ways=4, read=2, write=2),
        Cache(bytes=512 * _KIB, ways=8, read=4, write=4),
        Cache(bytes=3 * _MIB, ways=12, read=8.8, write=5.1),
    ),
)
_X1 = Core(
    name="x1",
    title="Cortex-X1",
    part=0xD44,
    features=_V8_2,
    emulated="cortex-a76",
    scheduled="neoverse-v1",
    in_order=False,
    chip="Snapdragon 8cx Gen 3, LPDDR4X",
    caches=(
        Cache(bytes=64 * _KIB, ways=4, read=2, write=2),
        Cache(bytes=1 * _MIB, ways=8, read=4, write=4),
        Cache(bytes=8 * _MIB, ways=16, read=6.4, write=4.6),
    ),
)
_A510 = Core(
    name="a510",
    title="Cortex-A510",
    part=0xD46,
    features=f"{_V8_2} sve sve2 svei8mm i8mm bf16 svebf16",
    emulated="max,sve-default-vector-length=16,sve128=on,sme=off",
    scheduled="cortex-a510",
    in_order=True,
    chip="caches of a Snapdragon 8 Gen 1",
    caches=(
        Cache(bytes=32 * _KIB, ways=4, read=2, write=2),
        Cache(bytes=512 * _KIB, ways=8, read=4, write=4),
        Cache(bytes=6 * _MIB, ways=12, read=13.9, write=5.3),
    ),
)
CORES = {core.name: core for core in (_A55, _A76, _X1, _A510)}


def choose(name: str) -> Core:
    """The core of this name; raises UnknownName."""
    if name not in CORES:
        raise UnknownName("core", name, CORES)
    return CORES[name]
