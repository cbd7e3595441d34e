"""All kinds of cases: how many of each, and their generation from a seed."""

from collections.abc import Sequence

import from_documents
import from_files
import from_words
import interruptions
from case import Case
from corpus import Corpus, copied
from hypothesis import HealthCheck, Phase, given, seed, settings

KINDS = {**from_files.KINDS, **from_documents.KINDS, **from_words.KINDS}


def plain(corpus: Corpus) -> Case:
    """A call with nothing wrong: its memory is what others are compared with."""
    artifact = corpus.artifacts["coreml"]
    return Case(kind="plain", words=("check", "a", "-q"), prepare=(copied(artifact, "a"),))


def generated(
    corpus: Corpus, *, cases: int, first_seed: int, only: str = "", quick: bool = False
) -> list[Case]:
    """The cases of a seed, always the same; `quick` leaves out what takes seconds."""
    found: list[Case] = []
    total = sum(share for _, share in KINDS.values())
    for kind, (strategy, share) in KINDS.items():
        if not any(kind.startswith(name) or name.startswith(kind) for name in only.split(",")):
            continue
        made = _of_kind(strategy(corpus), max(1, round(cases * share / total)), first_seed)
        found += made
    signals = interruptions.cases(corpus, count=max(4, cases // 32), seed=first_seed, quick=quick)
    return [case for case in found + signals if case.kind.startswith(tuple(only.split(",")))]


def _of_kind(strategy: object, count: int, first_seed: int) -> Sequence[Case]:
    """Hypothesis draws; nothing is run, so that cases can run side by side."""
    found: list[Case] = []

    @seed(first_seed)
    @settings(
        max_examples=count, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found[:count]
