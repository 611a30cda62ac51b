r"""Small changes that may make a wrong side right, in the order in which people make mistakes.

Each repair replaces one part of the wrong side: a sign is changed, a factor dropped_parts, an index changed, a letter
exchanged. Which of them is the mistake is decided by computing: the first one that makes the line right at all points
is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

from steepest.proofreading.causes.activation_repairs import other_activations, other_functions
from steepest.proofreading.causes.repairs import Repair, parts
from steepest.proofreading.causes.surroundings import Surroundings
from steepest.proofreading.causes.symbol_repairs import (
    in_conditions,
    other_indices,
    other_letters,
    other_transposes,
    transposed_letters,
)
from steepest.proofreading.causes.term_repairs import (
    dropped_parts,
    inserted_parts,
    other_exponents,
    other_signs,
    scaled_parts,
)
from steepest.proofreading.reading.tree import Node


def candidates(root: Node, around: Surroundings) -> Iterator[Repair]:
    """Yield the repairs of a side, most likely first."""
    inner = parts(root)
    yield from other_indices(inner, root, around)
    if around.has_matrices:
        yield from other_transposes(inner)
    yield from other_letters(inner, around)
    yield from scaled_parts(inner)
    yield from dropped_parts(inner)
    yield from other_exponents(inner)
    yield from other_functions(inner)
    yield from inserted_parts(inner, root, around)
    if around.has_matrices:
        yield from transposed_letters(inner, around)


def likely(root: Node, around: Surroundings) -> Iterator[Repair]:
    """Yield the repairs that are tried before all others: activations, conditions of cases, signs."""
    inner = parts(root)
    yield from other_activations(inner, around)
    yield from in_conditions(inner, around)
    yield from other_signs(inner)
