"""Cases of damaged files: checkpoints, model files, manifests, and images."""

import json
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pickles
from case import Case, Prepare, write
from corpus import MODEL, Corpus, copied
from hypothesis import strategies as st
from nasty import damaged, damaged_json, pick, seeds, texts, values
from resealing import resealed

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.artifact.manifest import MANIFEST

SIGNATURES = Path(__file__).parents[2] / "apps" / "conformance" / "signatures.json"
QUICK_BENCH = ("--min-runs", "30", "--min-seconds", "0", "--max-seconds", "0", "--warm-up", "1")
# What a command does with an artifact in the folder `a`; `good` is one of the same model.
USES: tuple[tuple[str, ...], ...] = (
    ("inspect", "a"),
    ("inspect", "a", "--json"),
    ("check", "a"),
    ("check", "a", "--json"),
    ("check", "a", "--modules"),
    ("check", "good", "--against", "a"),
    ("report", "a", "--out", "out/r.html"),
    ("report", "a", "good", "--out", "out/r.md", "--no-modules"),
    ("embed", "a", "--app", "app"),
    ("embed", "a", "good", "--app", "app", "--json"),
    ("lab", "run", "a", "--lab", "gpu"),
    ("lab", "cost", "a"),
    ("predict", "a", "good/golden/00.ppm"),
    ("predict", "a", "good/golden", "--json"),
)
READS = (*USES[:8], *USES[-2:])


def checkpoints(corpus: Corpus) -> st.SearchStrategy[Case]:
    """Weights that torch.save, or nobody, has written."""

    def case(content: bytes, suffix: str, use: int) -> Case:
        name = f"w{suffix}"
        words = ("convert", MODEL, "--to", "fake", "--checkpoint", name, "--out", "out", "-q")
        if use == 1:
            words = (*words, "--json")
        return Case(kind="checkpoints", words=words, prepare=(write(name, content),))

    def of_good(seed: int) -> bytes:
        return damaged(pick(corpus.weights, seed), seed, edge=1 << 12)

    contents = seeds.map(of_good) | pickles.archives() | pickles.safetensors()
    suffixes = st.sampled_from((".pth", ".pth", ".pt", ".safetensors", ".bin", ""))
    return st.builds(case, contents, suffixes, st.integers(0, 2))


def model_files(corpus: Corpus) -> st.SearchStrategy[Case]:
    """Model files of every format with other bytes, and a manifest that fits them."""

    def case(name: str, seed: int, use: int, sealed: bool) -> Case:
        artifact = corpus.artifacts[name]
        return Case(
            kind=f"model files, {name}",
            words=(*READS[use % len(READS)], "-q"),
            prepare=(
                copied(artifact, "a"), copied(artifact, "good"), _damage(artifact, seed, sealed),
            ),
        )  # fmt: skip

    names = st.sampled_from(sorted(corpus.artifacts))
    mostly = st.sampled_from((True,) * 9 + (False,))
    return st.builds(case, names, seeds, st.integers(0, len(READS) - 1), mostly)


def _damage(artifact: ArtifactFolder, seed: int, sealed: bool) -> Prepare:
    def prepare(work: Path) -> None:
        draw, model = random.Random(seed), work / "a" / artifact.manifest.file
        files = sorted(p for p in ([model] if model.is_file() else model.rglob("*")) if p.is_file())
        path = draw.choice(files)
        path.write_bytes(damaged(path.read_bytes(), seed))
        if sealed:
            resealed(work / "a")

    return prepare


def manifests(corpus: Corpus) -> st.SearchStrategy[Case]:
    """Manifests with other values, keys and lengths."""

    def case(name: str, seed: int, value: object, use: int) -> Case:
        artifact = corpus.artifacts[name]
        document = json.loads((artifact.root / MANIFEST).read_bytes())
        content = damaged_json(document, seed, value)
        return Case(
            kind="manifests",
            words=(*USES[use % len(USES)], "-q"),
            prepare=(
                copied(artifact, "a"), copied(artifact, "good"), write(f"a/{MANIFEST}", content),
                lambda work: (work / "app").mkdir(),
            ),
        )  # fmt: skip

    names = st.sampled_from(sorted(corpus.artifacts))
    return st.builds(case, names, seeds, values, st.integers(0, len(USES) - 1))


def labels(corpus: Corpus) -> st.SearchStrategy[Case]:
    """Label files, of an artifact and of a conversion."""

    def case(content: bytes, use: int, lines: int) -> Case:
        content = content if lines == 0 else b"\n".join([content[:40]] * lines)
        if use:
            words = (
                "convert", MODEL, "--untrained", "--to", "fake", "--labels", "l", "--out", "out",
                "-q",
            )  # fmt: skip
            return Case(kind="labels", words=words, prepare=(write("l", content),))

        def seal(work: Path) -> None:
            resealed(work / "a")

        return Case(
            kind="labels", words=("check", "a", "-q"),
            prepare=(copied(corpus.smallest, "a"), write("a/labels.txt", content), seal),
        )  # fmt: skip

    contents = st.binary(max_size=60) | texts.map(lambda t: t.encode(errors="surrogatepass"))
    return st.builds(case, contents, st.integers(0, 3), st.sampled_from((0, 1, 7, 10, 100_001)))


def images(corpus: Corpus) -> st.SearchStrategy[Case]:
    """Images for calibration, evaluation, and as an artifact's golden ones."""

    def case(content: bytes, suffix: str, use: str) -> Case:
        good = write("photos/c/good.png", corpus.images["PNG"])
        bad = write(f"photos/c/bad{suffix}", content)
        if use == "golden":
            golden = corpus.smallest.manifest.golden[0].file

            def seal(work: Path) -> None:
                resealed(work / "a")

            return Case(
                kind="images", words=("check", "a", "-q"),
                prepare=(copied(corpus.smallest, "a"), write(f"a/{golden}", content), seal),
            )  # fmt: skip
        words: tuple[str, ...] = ("check", "a", "--images", "photos", "-q")
        if use == "calibrate":
            words = (
                "convert", MODEL, "--untrained", "--to", "fake", "--int8", "--calibration",
                "photos", "--calibration-samples", "2", "--out", "out", "-q",
            )  # fmt: skip
        if use == "predict":
            words = ("predict", "a", "photos", "-q")
        with_good = (good,) if len(content) % 2 else ()
        return Case(
            kind="images", words=words, prepare=(copied(corpus.smallest, "a"), *with_good, bad)
        )

    def of_good(seed: int) -> bytes:
        return damaged(pick(corpus.images, seed), seed, edge=256)

    contents = seeds.map(of_good) | st.builds(png, sides, sides) | st.binary(max_size=100)
    suffixes = st.sampled_from((".png", ".jpg", ".bmp", ".tif", ".webp", ".gif", ""))
    uses = st.sampled_from(("calibrate", "evaluate", "golden", "predict"))
    return st.builds(case, contents, suffixes, uses)


def signatures(corpus: Corpus) -> st.SearchStrategy[Case]:
    """Signatures and keys, real ones with damage among them."""
    real = json.loads(SIGNATURES.read_text())["cases"][0]
    uses = (
        ("verify", "a", "--key", "k.pem"),
        ("verify", "a", "--key", "k.pem", "--json"),
        ("embed", "a", "--app", "app", "--require-signature", "k.pem"),
        ("sign", "a", "--key", "k.pem"),
        ("embed", "a", "--app", "app"),
    )

    def case(seed: int, value: object, use: int, has_key: bool) -> Case:
        key = real["keys"][0].encode()
        signed = damaged_json(json.loads(real["signature"]), seed, value)
        return Case(
            kind="signatures", words=(*uses[use], "-q"),
            prepare=(
                copied(corpus.smallest, "a"), write("a/model.sig", signed),
                write("k.pem", key if has_key else damaged(key, seed)),
                write("app/trusted.pem", damaged(key, seed)),
            ),
        )  # fmt: skip

    return st.builds(case, seeds, values, st.integers(0, len(uses) - 1), st.booleans())


sides = st.sampled_from((0, 1, 8, 1000, 32_768, 32_769, 30_000_000, 2**31 - 1, 2**32 - 1))


def png(width: int, height: int) -> bytes:
    """A PNG of one colour that claims a size; its rows are there if they are few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    total = height * (1 + (width + 7) // 8)
    rows = zlib.compress(bytes(total if total < 10**8 else 10), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


Strategy = Callable[[Corpus], st.SearchStrategy[Case]]
KINDS: dict[str, tuple[Strategy, float]] = {
    "checkpoints": (checkpoints, 0.17),
    "model files": (model_files, 0.28),
    "manifests": (manifests, 0.16),
    "labels": (labels, 0.02),
    "images": (images, 0.07),
    "signatures": (signatures, 0.02),
}
