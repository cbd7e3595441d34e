"""A lab in memory: it computes what this machine's runtime computes, with an error on top."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slide_mobile.artifact.folder import ArtifactFolder
from slide_mobile.lab import catalogue
from slide_mobile.lab.labs import Execution, Inputs, Lab
from slide_mobile.lab.parts import Part
from slide_mobile.lab.process import Arrays, Ran, Said
from slide_mobile.lab.verdict import Arithmetic
from slide_mobile.targets import registry


@dataclass(kw_only=True)
class FakeLab:
    """How the lab computes: its SQNR against this machine's runtime, and what it does besides.

    `floors` are those of its executions, `changed` replaces what it computed, `inputs` are what it
    was given last.
    """

    decibels: float = 120.0
    repeats: bool = True
    refused: tuple[str, ...] = ()
    arithmetics: tuple[Arithmetic, ...] = ("fp32",)
    floors: Mapping[str, float] = field(default_factory=dict)
    changed: Callable[[Arrays], Arrays] = dict
    inputs: Inputs | None = None

    def lab(
        self,
        name: str = "fake",
        *,
        targets: tuple[str, ...] = ("tflite", "fake"),
        parts: tuple[Part, ...] = (),
    ) -> Lab:
        """The lab of this name; with parts, it has to be set up."""
        options: dict[str, Any] = {"min_sqnr_db": 90.0, **self.floors}
        executions = tuple(
            Execution(
                arithmetic=arithmetic,
                run=self.run,
                executor=lambda ran: f"a test, release {ran.said.release}",
                **options,
            )
            for arithmetic in self.arithmetics
        )
        return Lab(
            name=name,
            targets=targets,
            proves="it computes what a test wants",
            leaves_open="everything else",
            parts=parts,
            executions=lambda manifest: executions,
        )

    def run(self, artifact: ArtifactFolder, inputs: Inputs) -> Ran:
        """Run the file here, and scale its outputs to the error."""
        self.inputs = inputs
        runner = registry.load(artifact.manifest.target).runner(artifact.model_path)
        is_planar = artifact.manifest.input.layout == "NCHW"
        images = (inputs.transpose(0, 2, 3, 1) if is_planar else inputs).astype(np.uint8)
        found = [runner.call(image) for image in images]
        scale = np.float32(1 + 10 ** (-self.decibels / 20))
        outputs = {name: scale * np.concatenate([row[name] for row in found]) for name in found[0]}
        if not self.repeats:
            for rows in outputs.values():
                rows[-1] = np.nextafter(rows[-1], np.float32(1e9))
        said = Said(release="1.2", refused=self.refused)
        return Ran(outputs=self.changed(outputs), said=said)


def install(monkeypatch: Any, *labs: Lab) -> None:
    """Make these the labs that there are."""
    monkeypatch.setattr(catalogue, "LABS", {lab.name: lab for lab in labs})


def part(name: str = "nothing", size_bytes: int = 1_000_000) -> Part:
    """A part that is an empty folder of the cache, once it is made."""
    return Part(
        name=name,
        purpose="for a test",
        size_bytes=size_bytes,
        pins=lambda: (f"{name}==1",),
        make=lambda root: root.mkdir(),
    )
