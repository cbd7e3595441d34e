"""Checkpoints that no program has written: pickles opcode by opcode, archives, and headers."""

import io
import json
import pickle
import struct
import warnings
import zipfile

from hypothesis import strategies as st
from nasty import numbers, texts, values

_NAMES = (
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch\nFloatStorage\n", b"ctorch\nQInt8Storage\n", b"ctorch\nUntypedStorage\n",
    b"ctorch\nfloat32\n", b"ctorch\nSize\n", b"ctorch\ndevice\n", b"ccollections\nOrderedDict\n",
    b"cbuiltins\neval\n", b"cos\nsystem\n", b"cposix\nsystem\n",
    b"cnumpy.core.multiarray\nscalar\n", b"c_codecs\nencode\n", b"cbuiltins\nbytearray\n",
    b"cargparse\nNamespace\n", b"c\n\n",
    b"cbuiltins\ngetattr\n", b"ctorch.nn.modules.linear\nLinear\n", b"cpathlib\nPosixPath\n",
)  # fmt: skip


def _int(value: int) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def _text(text: str) -> bytes:
    data = text.encode(errors="surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


_STORED = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x10tQ"
)
_plain = st.sampled_from(
    (b"(", b")", b"]", b"}", b"N", b"\x88", b"\x89", b"0", b"1", b"2", b"a", b"e", b"s", b"u", b"t",
     b"\x85", b"\x86", b"\x87", b"R", b"b", b"\x81", b"\x92", b"Q", b"\x90", b"\x91", b"\x8f",
     b"\x93", b"\x94", b"d", b"l", b"o", b"\x82\x01", b"\x95" + b"\xff" * 8, b"B\xff\xff\xff\xff",
     b"\x8e" + b"\xff" * 7 + b"\x7f", b"X\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\x7f", _STORED)
)  # fmt: skip
_memo = st.builds(
    lambda code, at: code + (bytes([at]) if code in b"qh" else struct.pack("<I", at * 1000)),
    st.sampled_from((b"q", b"h", b"r", b"j")), st.integers(0, 255),
)  # fmt: skip
_numbers = st.sampled_from((0, 1, 4, 16, 255, 2**31, 2**40, 2**62, 2**70, -1)).map(_int)
_codes = (
    _plain | _plain | st.sampled_from(_NAMES) | _numbers | texts.map(_text) | _memo
    | st.sampled_from((b"F1e400\n", b"I1\n", b"V\\ud800\n", b"L1L\n", b"Snot quoted\n", b"Pid\n",
                       b"F" + b"9" * 5000 + b"\n", b"I" + b"9" * 5000 + b"\n"))
)  # fmt: skip
programs = st.lists(_codes, max_size=40).map(lambda codes: b"\x80\x02" + b"".join(codes) + b".")


def _tuple(items: list[object]) -> bytes:
    return b"(" + b"".join(_int(x) if isinstance(x, int) else b"N" for x in items) + b"t"


_sizes = st.lists(
    st.sampled_from((0, 1, 2, 4, 16, 17, -1, 2**20, 2**31, 2**40, 2**63, 10**30, None)), max_size=4
).map(_tuple)
_long = st.sampled_from((10, 1000, 100_000, 1_000_000))
_tensors = st.builds(
    lambda kind, name, shape, strides, offset, more: b"\x80\x02}" + _text(name)
    + b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n" + kind
    + b"\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x10tQ" + offset + shape + strides
    + b"\x89}tR" + more + b"s.",
    st.sampled_from((b"FloatStorage", b"HalfStorage", b"BFloat16Storage", b"QInt8Storage",
                     b"ComplexFloatStorage", b"BoolStorage", b"LongStorage", b"UntypedStorage")),
    texts, _sizes, _sizes, _numbers, st.sampled_from((b"", b"2\x86", b"}b", b"\x85")),
)  # fmt: skip
_large = st.builds(
    lambda before, many, count, after: before + many * count + after,
    st.sampled_from((b"\x80\x02})", b"\x80\x04()", b"\x80\x02]")),
    st.sampled_from((b"\x85", b"2\x86", b"]2a", b"cm\nC\n0", b"(", b"N", b"K\x01", b"}", b"q\x00")),
    _long, st.sampled_from((b"K\x01s.", b"\x91.", b".", b"")),
)  # fmt: skip


_ENTRIES = (
    "version", "byteorder", "data.pkl", "data/0", "data/1", "../x", ".data/serialization_id",
    "constants.pkl", "code/x.py",
)  # fmt: skip


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """A zip file in torch's layout, or nearly, or the bare pickle."""
    content = draw(programs | _tensors | _tensors | _large)
    if draw(st.integers(0, 9)) == 0:
        return content
    file = io.BytesIO()
    how = draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    root = draw(st.sampled_from(("a", "archive", "..", "", "/etc", "a" * 300)))
    size = draw(st.sampled_from((0, 16, 64, 64, 128, 1 << 16, 1 << 26)))
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", how) as zipped:
        warnings.simplefilter("ignore")
        zipped.writestr(f"{root}/data.pkl", content)
        zipped.writestr(f"{root}/data/0", bytes(size))
        for name in draw(st.lists(st.sampled_from(_ENTRIES), max_size=3)):
            more = draw(st.sampled_from((b"", b"3\n", b"big", content[:9])))
            zipped.writestr(f"{root}/{name}", more)
    return file.getvalue()


@st.composite
def safetensors(draw: st.DrawFn) -> bytes:
    """A header of safetensors, with values that it may not have."""
    entry = st.fixed_dictionaries(
        {"dtype": st.sampled_from(("F32", "F16", "I64", "BOOL", "F8_E5M2", "", "x")),
         "shape": st.lists(numbers, max_size=3) | values,
         "data_offsets": st.sampled_from(([0, 4], [0, 64], [4, 0], [0, 2**62], [-1, 4], [1, 5], []))
         | values}
    )  # fmt: skip
    header = draw(st.dictionaries(texts, entry | values, max_size=4))
    if draw(st.booleans()):
        header["__metadata__"] = draw(values)
    text = json.dumps(header).encode()
    length = draw(st.sampled_from((len(text),) * 6 + (0, 2**20, 2**60, 2**64 - 1)))
    return struct.pack("<Q", length) + text + bytes(draw(st.sampled_from((0, 4, 64, 1 << 20))))
