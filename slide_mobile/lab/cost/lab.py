"""The cost estimate among the labs: it is set up and listed as they are, and is no gate."""

from slide_mobile.lab.cost.parts import PARTS
from slide_mobile.lab.labs import Lab

COST = Lab(
    name="cost",
    targets=(),
    proves="nothing: `lab cost` estimates cycles on a phone's core",
    leaves_open="how far the estimate is from a phone",
    parts=PARTS,
    executions=lambda manifest: (),
)
