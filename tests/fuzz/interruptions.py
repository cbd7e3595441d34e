"""Commands that are ended at random moments: nothing half, nothing lost, nothing left."""

import random
import signal
from collections.abc import Iterator
from pathlib import Path

from case import Case, Prepare, write
from corpus import MODEL, Corpus, copied

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.errors import SlideMobileError

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
RELEASE = f"""
out = "out"
jobs = 1
[[model]]
name = "{MODEL}"
untrained = true
[[target]]
to = "onnx"
precisions = ["fp32"]
""".encode()
CONVERT = ("convert", MODEL, "--untrained", "--to", "fake", "--out", "out", "--force", "-q")
CONVERT_REALLY = ("convert", MODEL, "--untrained", "--to", "onnx", "--out", "out", "--force", "-q")
EMBED = ("embed", "a", "b", "c", "--app", "app", "-q")
# The words, and how long they take when nobody ends them, on a machine that does other things, too.
CALLS: tuple[tuple[tuple[str, ...], float], ...] = (
    *((CONVERT, 1.0), (EMBED, 0.3)) * 4,
    *((CONVERT_REALLY, 12.0), (("release", "r.toml", "-q"), 20.0)) * 2,
)


def cases(corpus: Corpus, *, count: int, seed: int, quick: bool = False) -> list[Case]:
    """Calls that are ended; `quick` leaves out those that take seconds."""
    draw = random.Random(seed)
    calls = [call for call in CALLS if call[1] < 5 or not quick]
    found = []
    for number in range(count):
        words, seconds = calls[number % len(calls)]
        ending = SIGNALS[draw.randrange(len(SIGNALS))], draw.uniform(0.0, seconds)
        found.append(
            Case(
                kind=f"signals, {words[0]}", words=words, ending=ending, most_seconds=120,
                prepare=_before(corpus, words), real=words == CONVERT_REALLY,
            )
        )  # fmt: skip
    return found


def _before(corpus: Corpus, words: tuple[str, ...]) -> tuple[Prepare, ...]:
    """What is there: artifacts that a command replaces are whole before, and have to be after."""
    if words[0] == "release":
        return (write("r.toml", RELEASE),)
    if words[0] == "embed":
        names = ("a", "b", "c", "app/b")  # one of them is there, in an older form
        return (
            *(copied(corpus.artifacts[kind], name) for kind, name in zip(
                ("onnx", "tflite", "executorch", "coreml"), names, strict=True)),
            write("app/kept.txt", b"a user's"),
        )  # fmt: skip
    target = words[words.index("--to") + 1]
    return (
        copied(corpus.smallest, f"out/{MODEL}-{target}-fp32"), write("out/kept.txt", b"a user's"),
    )  # fmt: skip


def again(case: Case) -> Case:
    """The same call, which nobody ends."""
    return Case(kind=case.kind, words=case.words, most_seconds=120, real=case.real)


def leavings(case: Case, work: Path, *, killed: bool) -> Iterator[str]:
    """What is half, lost or left after the end of a case; a kill may leave hidden siblings."""
    folder = work / ("app" if case.words[0] == "embed" else "out")
    visible = sorted(path for path in folder.rglob("*") if not _is_hidden(path, folder))
    hidden = sorted(path for path in folder.rglob(".*"))
    if hidden and not killed:
        yield f"left {hidden[0].relative_to(work)}"
    for manifest in (path for path in visible if path.name == "manifest.json"):
        try:
            ArtifactFolder.open(manifest.parent).verify()
        except SlideMobileError as error:
            yield f"half: {error}"
    if case.words[0] != "release" and not (folder / "kept.txt").exists():
        yield "lost a file of the user"
    if case.words[0] == "release":
        return
    name = "b" if case.words[0] == "embed" else f"{MODEL}-{case.words[4]}-fp32"
    moved = [path for path in hidden if path.name.startswith(f".{name}.replaced-")]
    if not (folder / name / "manifest.json").exists() and not (killed and moved):
        yield f"lost the artifact {name}"


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
