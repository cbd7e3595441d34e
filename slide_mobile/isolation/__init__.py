"""Child processes: what a foreign file may crash, hang or swell runs in one, within limits."""

from slide_mobile.isolation.calling import isolated as isolated
