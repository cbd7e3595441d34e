"""What a game loop of Firebase Test Lab stands for: the lab passes a number, and nothing else."""

from typing import Any

Json = dict[str, Any]

COUNT = 4
NPU = {"android": "npu", "ios": "ane"}  # the one word in which the platforms differ


def game_loops() -> Json:
    """Give `understood`, what each app is asked for by a scenario, and `refused`."""
    return {
        "understood": [
            {"scenario": str(n), **{app: _asked(n, app) for app in NPU}}
            for n in range(1, COUNT + 1)
        ],
        "refused": [
            {"scenario": text, "why": f"scenario={text} is not a whole number from 1 to {COUNT}"}
            for text in ("0", "-1", str(COUNT + 1), "1024")
        ],
    }


def _asked(scenario: int, app: str) -> list[tuple[str, str]]:
    """The words of a headless start."""
    asks: dict[int, list[tuple[str, str]]] = {
        1: [("verify", "1")],
        2: [("accelerator", "gpu"), ("verify", "1")],
        3: [("accelerator", NPU[app]), ("verify", "1")],
        4: [("sustained", "60")],
    }
    return [*asks[scenario], ("wait", "30"), ("out", f"game-loop-{scenario}.json")]
