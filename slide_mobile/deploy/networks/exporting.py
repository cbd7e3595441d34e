"""A prepared network to an ExportedProgram: constants computed, tensors of rank 4 at most.

The changes are in the exported graph, so they apply to whatever code the network has. Afterwards
the program is run beside the network; if they differ, the program is left as it was.
"""

from collections.abc import Sequence

import torch
from torch.export import ExportedProgram

from slide_mobile.deploy.export import INPUT, export
from slide_mobile.deploy.networks import constants, nodes, ranks
from slide_mobile.deploy.networks.calls import Measure
from slide_mobile.deploy.networks.network import Network

MIN_SQNR_DB = 100


def exported(
    network: Network, size: tuple[int, int], names: Sequence[str], measure: Measure
) -> ExportedProgram:
    """Trace a prepared network, and rewrite its graph where the result is proved to be the same."""
    program = export(network, size, network.layout, names)
    model = program.module(check_guards=False)
    changed = constants.fold(model)
    if ranks.lower(model):
        changed = True
        constants.fold(model)  # what is now a reshape of a constant
    if not changed:
        return program
    (example,) = program.example_inputs[1].values()
    with torch.no_grad():
        better = torch.export.export(model, (), {INPUT: example})
    return better if _same(program, better, example.shape, measure) else program


def high_ranks(program: ExportedProgram) -> dict[str, int]:
    """The highest rank over 4 that the tensors of a module have, by the module's path."""
    found: dict[str, int] = {}
    for node in ranks.high(program.graph_module):
        path = nodes.module_path(node)
        found[path] = max(found.get(path, 0), len(nodes.shape(node)))
    return found


@torch.no_grad()
def _same(
    program: ExportedProgram, other: ExportedProgram, shape: Sequence[int], measure: Measure
) -> bool:
    """Whether two programs compute the same for a random image."""
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 255
    expected, found = (one.module(check_guards=False)(**{INPUT: image}) for one in (program, other))
    return all(
        measure(x.numpy(), found[name].numpy()) >= MIN_SQNR_DB for name, x in expected.items()
    )
