"""All labs by name, what is set up of them, and how they are set up."""

from collections.abc import Sequence

from slide_mobile.errors import EnvironmentMissing, UnknownName, UsageError
from slide_mobile.lab.arm64 import ARM64_LABS
from slide_mobile.lab.gpu import GPU
from slide_mobile.lab.half import FP16
from slide_mobile.lab.labs import Lab
from slide_mobile.lab.runtimes import RUNTIME_LABS
from slide_mobile.progress import Progress, silent
from slide_mobile.targets import cached_folders, environments

LABS: dict[str, Lab] = {lab.name: lab for lab in (GPU, FP16, *ARM64_LABS, *RUNTIME_LABS)}


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


def for_gate(names: Sequence[str], target: str) -> tuple[Lab, ...]:
    """The labs of these names, none for none; all are set up and run files for the target.

    Raises UnknownName, UsageError, EnvironmentMissing.
    """
    labs = choose(names) if names else ()
    for lab in labs:
        if target not in lab.targets:
            known = ", ".join(lab.targets)
            raise UsageError(f"the lab {lab.name!r} runs files for {known}, not for {target}")
    require_ready(labs)
    return labs


def is_ready(lab: Lab) -> bool:
    """Whether everything that the lab needs has been made."""
    return all(part.is_made for part in lab.parts) and all(
        map(environments.exists, lab.environments)
    )


def command(*labs: Lab) -> str:
    """The command that sets labs up."""
    return f"slide-mobile lab setup {' '.join(lab.name for lab in labs)}"


def require_ready(labs: Sequence[Lab]) -> None:
    """Raise EnvironmentMissing if one of the labs is not set up."""
    if missing := [lab for lab in labs if not is_ready(lab)]:
        names = ", ".join(lab.name for lab in missing)
        raise EnvironmentMissing(f"not set up: {names}; run {command(*missing)}")


def setup(labs: Sequence[Lab], *, progress: Progress = silent) -> None:
    """Make what these labs need and what is not there yet; raises EnvironmentMissing.

    What was made before an error stays.
    """
    parts = {part.name: part for lab in labs for part in lab.parts if not part.is_made}
    for part in parts.values():
        progress(f"make {part.name} ({part.size_bytes / 1e6:.0f} MB): {part.purpose}")
        cached_folders.build(part.root, part.make)
    wanted = {name for lab in labs for name in lab.environments if not environments.exists(name)}
    for name in sorted(wanted):
        progress(f"create the environment {name}")
        environments.create(name)
