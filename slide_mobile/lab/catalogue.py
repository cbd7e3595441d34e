"""All labs by name, what is set up of them, and how they are set up."""

from collections.abc import Sequence

from slide_mobile.errors import EnvironmentMissing, ToolchainMissing, UnknownName, UsageError
from slide_mobile.lab.arm64 import ARM64_LABS
from slide_mobile.lab.browser import WEB
from slide_mobile.lab.cost.lab import COST
from slide_mobile.lab.gpu import GPU
from slide_mobile.lab.half import FP16
from slide_mobile.lab.labs import Lab
from slide_mobile.lab.parts import Part
from slide_mobile.lab.runtimes import RUNTIME_LABS
from slide_mobile.lab.verdict import LabState
from slide_mobile.progress import Progress, silent
from slide_mobile.targets import cached_folders, environments

LABS: dict[str, Lab] = {lab.name: lab for lab in (GPU, FP16, *ARM64_LABS, *RUNTIME_LABS, COST, WEB)}


def choose(names: Sequence[str]) -> tuple[Lab, ...]:
    """The labs of these names, all for none; "arm64" means every lab whose name begins with it.

    Raises UnknownName.
    """
    chosen: dict[str, Lab] = {}
    for name in names or LABS:
        group = {n: lab for n, lab in LABS.items() if n == name or n.startswith(f"{name}-")}
        if not group:
            raise UnknownName("lab", name, LABS)
        chosen |= group
    return tuple(chosen.values())


def for_gate(names: Sequence[str], target: str, precision: str) -> tuple[Lab, ...]:
    """The labs of these names, none for none; all are set up and run such files.

    Raises UnknownName, UsageError, EnvironmentMissing.
    """
    labs = choose(names) if names else ()
    for lab in labs:
        if not lab.targets:
            raise UsageError(f"the lab {lab.name!r} proves nothing, so it is no gate; leave it out")
        if target not in lab.targets:
            known = ", ".join(lab.targets)
            raise UsageError(f"the lab {lab.name!r} runs files for {known}, not for {target}")
        if not lab.takes(target, precision):
            raise UsageError(f"the lab {lab.name!r} does not run {precision} files; leave it out")
    require_ready(labs)
    return labs


def is_ready(lab: Lab) -> bool:
    """Whether everything that the lab needs has been made."""
    return not missing_parts([lab]) and all(map(environments.exists, lab.environments))


def missing_parts(labs: Sequence[Lab]) -> tuple[Part, ...]:
    """What these labs need and what has not been made, each part once."""
    parts = {part.name: part for lab in labs for part in lab.parts}
    return tuple(part for part in parts.values() if part.is_needed and not _is_made(part))


def _is_made(part: Part) -> bool:
    """Whether a part is there; one whose pins name a package that is not installed is not."""
    try:
        return part.is_made
    except ToolchainMissing:
        return False


def state(lab: Lab) -> LabState:
    """The lab as `lab` and `doctor` list it."""
    return LabState(
        name=lab.name,
        ready=is_ready(lab),
        proves=lab.proves,
        leaves_open=lab.leaves_open,
        command=command(lab.name),
    )


def command(*names: str) -> str:
    """The command that sets labs up."""
    return f"slide-mobile lab setup {' '.join(names)}"


def ready(labs: Sequence[Lab]) -> tuple[Lab, ...]:
    """Those of these labs that run files and are set up; raises EnvironmentMissing without any."""
    found = tuple(lab for lab in labs if lab.targets and is_ready(lab))
    if not found:
        raise EnvironmentMissing(
            f"no lab is set up; run {command('gpu', 'arm64')}, or slide-mobile lab to see others"
        )
    return found


def require_ready(labs: Sequence[Lab]) -> None:
    """Raise EnvironmentMissing if one of the labs is not set up."""
    if missing := [lab.name for lab in labs if not is_ready(lab)]:
        raise EnvironmentMissing(f"not set up: {', '.join(missing)}; run {command(*missing)}")


def setup(labs: Sequence[Lab], *, progress: Progress = silent) -> None:
    """Make what these labs need and what is not there yet.

    What was made before an error stays. Raises EnvironmentMissing, and ToolchainMissing where a
    part holds the release of a package that is not installed here.
    """
    for part in missing_parts(labs):
        progress(f"make {part.name} ({part.size_bytes / 1e6:.0f} MB): {part.purpose}")
        cached_folders.build(part.root, part.make)
    wanted = {name for lab in labs for name in lab.environments if not environments.exists(name)}
    for name in sorted(wanted):
        progress(f"create the environment {name}")
        environments.create(name)
