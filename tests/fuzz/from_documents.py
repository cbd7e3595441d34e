"""Cases of damaged documents: benchmarks, release files, and indexes of apps."""

import json
from pathlib import Path
from typing import Any

from case import Case, write
from corpus import MODEL, Corpus, copied
from hypothesis import strategies as st
from nasty import damaged_json, seeds, texts, values

BENCHMARKS = Path(__file__).parents[2] / "apps" / "conformance" / "bench" / "valid"
RELEASE: dict[str, Any] = {
    "out": "out", "memory_gb": 8.0, "jobs": 1,
    "model": [{
        "name": MODEL, "untrained": True, "input_size": "64x96", "num_classes": 5,
        "calibration_samples": 2, "mean": "0,0,0", "std": "1,1,1", "task": "classify",
    }],
    "target": [{"to": "fake", "precisions": ["fp32"], "labs": [], "via": "direct"}],
    "bench": {"threads": 1, "min_runs": 30, "min_seconds": 0.0, "max_seconds": 0.0},
    "report": {"formats": ["markdown"]},
}  # fmt: skip


def benchmarks(corpus: Corpus) -> st.SearchStrategy[Case]:
    """What `bench --json` and the apps write."""
    names = sorted(path.name for path in BENCHMARKS.glob("*.json"))
    uses = (
        ("bench", "--import", "d.json"),
        ("bench", "--import", "d.json", "--import", "d.json", "--json"),
        ("bench", "--import", "good.json", "--baseline", "d.json"),
        ("bench", "--import", "d.json", "--baseline", "good.json", "--json"),
        ("report", "a", "--bench", "d.json", "--out", "out/r.html", "--no-modules"),
    )

    def case(name: str, seed: int, value: object, use: int) -> Case:
        good = (BENCHMARKS / name).read_bytes()
        words = uses[use]
        artifact = (copied(corpus.smallest, "a"),) if "a" in words else ()
        return Case(
            kind="benchmarks", words=(*words, "-q"),
            prepare=(
                write("good.json", good),
                write("d.json", damaged_json(json.loads(good), seed, value)), *artifact,
            ),
        )  # fmt: skip

    return st.builds(case, st.sampled_from(names), seeds, values, st.integers(0, len(uses) - 1))


def releases(corpus: Corpus) -> st.SearchStrategy[Case]:
    """Release files."""

    def case(seed: int, value: object, as_json: bool) -> Case:
        content = damaged_json(RELEASE, seed, value)
        try:
            document = json.loads(content)
            content = toml(document).encode(errors="surrogatepass")
        except (ValueError, RecursionError, AttributeError):
            pass  # is as wrong for TOML
        words = ("release", "r.toml", "-q", *(("--json",) if as_json else ()))
        return Case(kind="releases", words=words, prepare=(write("r.toml", content),))

    return st.builds(case, seeds, values, st.booleans())


def toml(document: dict[str, Any]) -> str:
    """A document as TOML, whatever is in it."""
    plain, tables = [], []
    for key, value in document.items():
        name = json.dumps(key)
        if isinstance(value, dict) and value:
            tables.append(f"[{name}]\n{toml(value)}")
        elif isinstance(value, list) and value and all(isinstance(x, dict) for x in value):
            tables += [f"[[{name}]]\n{toml(x)}" for x in value[:3000]]
        else:
            plain.append(f"{name} = {_inline(value)}")
    return "\n".join([*plain, *tables]) + "\n"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value).replace("Infinity", "inf").replace("NaN", "nan")


def indexes(corpus: Corpus) -> st.SearchStrategy[Case]:
    """What an app's artifacts folder says of itself; what is not ours is kept."""

    def case(seed: int, value: object, name: str, use: int) -> Case:
        entries = [{"folder": x, "manifest_sha256": "0" * 64} for x in ("a", "b", name)]
        content = damaged_json({"schema_version": 2, "artifacts": entries}, seed, value)
        words = (
            ("embed", "a", "--app", "app"),
            ("embed", "--remove", "b", "--app", "app"),
            ("embed", "a", "--remove", argument(name), "--app", "app", "--json"),
        )[use]

        def folders(work: Path) -> None:
            (work / "app" / "b").mkdir()
            (work / "app" / "kept").mkdir()

        return Case(
            kind="indexes", words=(*words, "-q"),
            prepare=(copied(corpus.smallest, "a"), write("app/index.json", content), folders),
        )  # fmt: skip

    return st.builds(case, seeds, values, texts, st.integers(0, 2))


def argument(text: str) -> str:
    """The text as an argument can be: without NUL, and with bytes for lone surrogates."""
    data = text.replace("\0", "").encode("utf-8", "surrogatepass")
    return data.decode("utf-8", "surrogateescape")


KINDS = {
    "benchmarks": (benchmarks, 0.05),
    "releases": (releases, 0.05),
    "indexes": (indexes, 0.02),
}
