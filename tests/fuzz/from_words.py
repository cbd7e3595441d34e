"""Cases of wrong words: values of every option, places that are no files, environments."""

import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import hostile_files
from case import Case, Prepare, write
from corpus import MODEL, Corpus, copied
from from_documents import BENCHMARKS, argument
from from_files import QUICK_BENCH
from hypothesis import strategies as st
from nasty import TEXTS, texts

from slide_mobile.cli.commands import main

# A call of each command that is right, to which wrong options are added.
RIGHT: dict[tuple[str, ...], tuple[str, ...]] = {
    ("convert",): (MODEL, "--untrained", "--to", "fake", "--out", "out"),
    ("check",): ("a",),
    ("inspect",): ("a",),
    ("predict",): ("a", "photos"),
    ("sign",): ("a", "--key", "k.pem"),
    ("verify",): ("a", "--key", "k.pem"),
    ("lab", "run"): ("a", "--lab", "gpu"),
    ("lab", "cost"): ("a",),
    ("lab", "setup"): ("nowhere",),  # never without a name: it would install everything
    ("bench",): ("a", *QUICK_BENCH),
    ("report",): ("a", "--out", "out/r.html"),
    ("web",): ("a", "--out", "out/site"),
    ("embed",): ("a", "--app", "app"),
    ("release",): ("r.toml",),
    ("models",): (),
    ("doctor",): ("nothing",),
}
PLACES = (
    "a", "file", "folder", "missing", "pipe", "loop", "photos", "app", "r.toml", "d.json", ".",
)  # fmt: skip
_INSTALLS = {("lab", "setup"), ("doctor",)}
_LEFT_OUT = {"--debug", "--serve"}  # tracebacks are its purpose; serving ends by a signal only
_WRITES = {
    "--out",
    "--app",
    "--csv",
    "--report",
}  # what a user names there may be written to, so only harmless places


def commands(
    command: click.Command = main, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and the words that call it."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*words, name))
    else:
        yield words, command


def _around(work: Path) -> None:
    """What the places are."""
    (work / "folder").mkdir()
    (work / "app").mkdir()
    os.mkfifo(work / "pipe")
    (work / "loop").symlink_to("loop")


def options(corpus: Corpus) -> st.SearchStrategy[Case]:
    """One to three options of a command with other values."""
    every = dict(commands())
    prepare = (
        copied(corpus.smallest, "a"), write("file", b"x"), _around,
        write("photos/c/x.png", corpus.images["PNG"]),
        write("d.json", (BENCHMARKS / "host.json").read_bytes()),
        write("k.pem", b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"),
        write("r.toml", b'out = "out"\n[[model]]\nname = "x"\n'),
    )  # fmt: skip

    def case(name: tuple[str, ...], more: list[tuple[str, ...]]) -> Case:
        words = [*name, *RIGHT[name], "-q"]
        for added in more:
            words += added
        return Case(kind="options", words=tuple(words), prepare=prepare)

    def of(name: tuple[str, ...]) -> st.SearchStrategy[Case]:
        params = [p for p in every[name].params if not _LEFT_OUT.intersection(p.opts)]
        added = st.one_of([_added(p, installs=name in _INSTALLS) for p in params])
        return st.builds(case, st.just(name), st.lists(added, min_size=1, max_size=3))

    # A command is drawn as often as it has options.
    names = [name for name, command in every.items() for _ in command.params]
    return st.sampled_from(names).flatmap(of)


def _added(param: click.Parameter, *, installs: bool) -> st.SearchStrategy[tuple[str, ...]]:
    """An option with a value, or an argument."""
    option = param.opts[0] if isinstance(param, click.Option) else ""
    words = texts.map(argument)
    if option == "--install":
        return st.just(("--install",))
    if isinstance(param, click.Option) and param.is_flag:
        return st.just((option,))
    if installs:  # no name that exists
        return words.map(lambda text: (f"x{text}",))
    if isinstance(param.type, click.IntRange | click.FloatRange):
        low, high = param.type.min, param.type.max  # what is between may take its time
        bounds = [str(low), f"{low}.5", str(low - 1), f" {low}", *(() if high is None else (
            str(high + 1), f"{high}0"))]  # fmt: skip
        values = st.sampled_from(bounds) | st.sampled_from([*TEXTS[-20:], "nan", "1e3"])
        values = values.map(argument).filter(lambda t: not _is_long(t, low))
    elif option in _WRITES:
        safe = words.filter(lambda t: ".." not in t).map(lambda t: f"out/{t}")
        odd = ("pipe", "loop", "file/x", "a/manifest.json/x")
        values = safe | st.sampled_from((*odd, "a", "file") if option == "--app" else odd)
    elif isinstance(param.type, click.Choice):
        values = st.sampled_from(list(param.type.choices)) | words
    else:
        values = words | st.sampled_from(PLACES)
    return values.map(lambda text: (option, text) if option else (text,))


def _is_long(text: str, low: float) -> bool:
    """Whether a number may be within the range, and far from its lower end."""
    try:
        return low + 1 < float(text) < 1e9
    except ValueError:
        return False


def _replace(kind: str, name: str) -> Prepare:
    def prepare(work: Path) -> None:
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if kind == "link to itself elsewhere":
            path.symlink_to(work.parent / "outside" / "kept")
        elif kind == "link to a folder":
            path.symlink_to(work.parent / "outside")
        elif kind == "dangling link":
            path.symlink_to(work.parent / "outside" / "new")
        else:
            hostile_files.put(kind, path)

    return prepare


_MEANT = ("out", "app", "out/pictures")  # who names a link to a folder there means that folder
LINKS = ("link to itself elsewhere", "link to a folder", "dangling link")
CALLS: dict[str, tuple[str, ...]] = {
    "w.pth": ("convert", MODEL, "--checkpoint", "w.pth", "--to", "fake", "--out", "out"),
    "w.safetensors": (
        "convert", MODEL, "--checkpoint", "w.safetensors", "--to", "fake", "--out", "out",
    ),
    "l": ("convert", MODEL, "--untrained", "--labels", "l", "--to", "fake", "--out", "out"),
    "photos": (
        "convert", MODEL, "--untrained", "--int8", "--to", "fake", "--calibration", "photos",
        "--out", "out",
    ),
    "photos/x.png": ("check", "a", "--images", "photos"),
    "out": ("convert", MODEL, "--untrained", "--to", "fake", "--out", "out"),
    f"out/{MODEL}-fake-fp32": (
        "convert", MODEL, "--untrained", "--to", "fake", "--out", "out", "--force",
    ),
    f"out/{MODEL}-fake-fp32.parity.json": (
        "convert", MODEL, "--untrained", "--to", "fake", "--out", "out",
    ),
    "out/r.html": ("report", "a", "--out", "out/r.html"),
    "out/pictures": ("report", "a", "--out", "out/pictures/r.md"),
    "d.json": ("bench", "--import", "d.json"),
    "b.json": ("report", "a", "--bench", "b.json", "--out", "out/r.md"),
    "c.json": ("bench", "a", *QUICK_BENCH, "--baseline", "c.json"),
    "r.toml": ("release", "r.toml"),
    "app": ("embed", "a", "--app", "app"),
    "app/index.json": ("embed", "a", "--app", "app"),
    "app/a": ("embed", "a", "--app", "app"),
    "app/Artifacts": ("embed", "a", "--app", "app"),
}  # fmt: skip
ON_ARTIFACT = (
    ("inspect", "a"), ("check", "a"), ("report", "a", "--out", "out/r.md"),
    ("embed", "a", "--app", "app"), ("bench", "a", *QUICK_BENCH), ("lab", "run", "a"),
    ("lab", "cost", "a"), ("check", "good", "--against", "a"),
)  # fmt: skip


def places(corpus: Corpus) -> st.SearchStrategy[Case]:
    """Pipes, devices, sockets, loops, links and sparse files in the place of every file."""

    def case(call: tuple[str, tuple[str, ...]], kind: str, name: str, as_json: bool) -> Case:
        place, words = call
        if place in _MEANT and kind == "link to a folder":
            kind = "dangling link"
        artifact = corpus.artifacts[name]
        members = sorted(p.relative_to(artifact.root) for p in artifact.root.rglob("*"))
        if place == "member":
            place = f"a/{members[len(words) * 7 % len(members)]}"
        elif place.startswith("member "):
            place = f"a/{members[int(place.split()[1]) % len(members)]}"

        def app(work: Path) -> None:
            (work / "app" / "x.xcodeproj").mkdir(parents=True)

        return Case(
            kind="places", words=(*words, "-q", *(("--json",) if as_json else ())),
            most_seconds=60 if words[0] == "bench" else 20,  # it measures in ten processes
            prepare=(
                copied(artifact, "a"), copied(artifact, "good"),
                *((app,) if place == "app/Artifacts" else ()), _replace(kind, place),
                lambda work: (work / "app").mkdir(exist_ok=True) if place != "app" else None,
            ),
        )  # fmt: skip

    given = st.sampled_from(list(CALLS.items()))
    members = st.builds(
        lambda number, words: (f"member {number}", words),
        st.integers(0, 20), st.sampled_from(ON_ARTIFACT),
    )  # fmt: skip
    kinds = st.sampled_from([*hostile_files.KINDS, *LINKS])
    return st.builds(
        case, given | members, kinds, st.sampled_from(("onnx", "coreml")), st.booleans()
    )


# Not PYTHONUTF8 and its like: with a wrong value, Python does not start.
_VARIABLES = (
    "TMPDIR", "HOME", "XDG_CACHE_HOME", "SLIDE_MOBILE_ENVIRONMENTS", "COLUMNS", "LINES", "NO_COLOR",
    "FORCE_COLOR", "CLICOLOR_FORCE", "TERM", "LANG", "LC_ALL",
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCH_LOGS", "TORCHINDUCTOR_CACHE_DIR",
    "CUDA_VISIBLE_DEVICES", "TF_CPP_MIN_LOG_LEVEL", "SOURCE_DATE_EPOCH", "TZ",
    "TTY_COMPATIBLE", "UNICODE_VERSION", "PATH",
)  # fmt: skip
_PLAIN = (
    "", "0", "1", "-1", "abc", "{box}/missing", "{box}/outside/kept", "/dev/null", "C", "dumb",
    "xx_YY.UTF-16", "latin-1", "ascii", "utf-8:strict", "99999999999", "10", "error", "[", "true",
    "xterm-256color", "a" * 5000, "\x1b[31m", "../..", "~", "{box}/work/a/manifest.json",
)  # fmt: skip
_STREAMS = (
    ">/dev/full", "2>/dev/full", ">&-", "2>&-", "<&-", "| true; exit ${PIPESTATUS[0]}",
    ">/dev/null 2>&1 <&-", "</dev/full", "2>&1 | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}",
)  # fmt: skip
_QUICK: tuple[tuple[str, ...], ...] = (
    ("models", "-q"), ("models", "--json", "-q"), ("--help",), ("--version",), ("check",),
    ("inspect", "a", "-q"), ("inspect", "missing", "-q"), ("embed", "a", "--app", "app", "-q"),
    ("convert", "--help"),
    ("report", "a", "--out", "out/r.md", "--no-modules", "-q"), ("release", "missing", "-q"),
)  # fmt: skip
_LIMITS = {
    resource.RLIMIT_NOFILE: (8, 16, 64),  # with 3, no Python is loaded
    resource.RLIMIT_AS: (200 << 20, 600 << 20, 1 << 30, 2 << 30, 4 << 30),
    resource.RLIMIT_FSIZE: (0, 1, 4096, 65536),
    resource.RLIMIT_CORE: (0,),
    resource.RLIMIT_NPROC: (1, 10),
}


def environments(corpus: Corpus) -> st.SearchStrategy[Case]:
    """Variables, closed and full streams, and limits of the system, of a new process."""

    def case(
        words: tuple[str, ...], variables: dict[str, str], streams: str, limit: tuple[int, int]
    ) -> Case:
        def gone(work: Path) -> None:
            (work / "app").mkdir()

        fine = {k: v.replace("\0", "") for k, v in variables.items()}
        # A dynamic loader, or Python itself, may refuse before a line of ours is run.
        return Case(
            kind="environments", words=words, real=True, most_seconds=60,
            prepare=(copied(corpus.smallest, "a"), gone), environment=fine,
            streams=streams, limits={} if limit[0] < 0 else dict([limit]),
        )  # fmt: skip

    nothing = st.just({})
    variables = st.dictionaries(
        st.sampled_from(_VARIABLES), st.sampled_from(_PLAIN), min_size=1, max_size=3
    )
    limits = st.one_of(
        [st.tuples(st.just(k), st.sampled_from(many)) for k, many in _LIMITS.items()]
    )
    none = st.just((-1, 0))
    return st.sampled_from(_QUICK).flatmap(
        lambda words: st.one_of(
            st.builds(case, st.just(words), variables, st.just(""), none),
            st.builds(case, st.just(words), nothing, st.sampled_from(_STREAMS), none),
            st.builds(case, st.just(words), nothing, st.just(""), limits),
        )
    )


KINDS = {
    "options": (options, 0.12),
    "places": (places, 0.08),
    "environments": (environments, 0.035),
}
