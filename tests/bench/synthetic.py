"""Turns of two models in one process, on machines that are noisy in every way that we have met."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Turns = NDArray[np.float64]

ROUNDS = 60


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How noisy it is; numbers are relative to a latency.

    `layout` is how far a process's memory moves each model for its whole life. `hiccups` is the
    share of runs that wait, for half their time or more. A process is hit by a burst with the
    chance of `bursts`: a third of its rounds take half again as long, or more. `drift` is how much
    slower the machine becomes while a process measures.
    """

    layout: float = 0.005
    noise: float = 0.03
    hiccups: float = 0.1
    bursts: float = 0.2
    drift: float = 0.2


def processes(
    draw: np.random.Generator,
    machine: Machine,
    *,
    ratio: float,
    runs: tuple[int, int],
    count: int,
) -> tuple[Turns, Turns]:
    """The turns (processes, rounds, runs) of two models; the first takes `ratio` times as long."""
    shared = 0.1 * draw.standard_normal((count, 1, 1)) + _bursts(draw, machine, count)
    shared += machine.drift * np.linspace(0, 1, ROUNDS)[:, None]
    logs = [
        shared
        + machine.layout * draw.standard_normal((count, 1, 1))
        + machine.noise * np.abs(draw.standard_normal((count, ROUNDS, several)))
        + _hiccups(draw, machine, (count, ROUNDS, several))
        for several in runs
    ]
    return ratio * np.exp(logs[0]), np.exp(logs[1])


def _bursts(draw: np.random.Generator, machine: Machine, count: int) -> Turns:
    """Of a process that is hit, a third of the rounds, anywhere."""
    hit = draw.random((count, 1, 1)) < machine.bursts
    begin = draw.integers(0, 2 * ROUNDS // 3, (count, 1, 1))
    places = np.arange(ROUNDS)[:, None] - begin
    within = (places >= 0) & (places < ROUNDS // 3)
    return hit * within * np.log(1.5 + draw.exponential(0.5, (count, 1, 1)))


def _hiccups(draw: np.random.Generator, machine: Machine, shape: tuple[int, int, int]) -> Turns:
    """Waits without a mean: now and then one is a hundred times as long as the others."""
    return (draw.random(shape) < machine.hiccups) * np.log(1.5 + draw.pareto(1.0, shape))
