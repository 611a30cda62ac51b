r"""Small changes that may make a wrong side right, in the order in which people make mistakes.

Each repair replaces one part of the wrong side: a sign is changed, a factor dropped, an index changed, a letter
exchanged. Which of them is the mistake is decided by computing: the first one that makes the line right at all points
is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from steepest.proofreading.causes import symbol_repairs, term_repairs
from steepest.proofreading.causes.repairs import Repair, is_number, one_minus, parts, squared, with_arg
from steepest.proofreading.causes.surroundings import Surroundings
from steepest.proofreading.reading.tree import Node, make, number, same, times
from steepest.proofreading.reading.vocabulary import CONFUSED, RELATED_ACTIVATIONS


def candidates(root: Node, around: Surroundings) -> Iterator[Repair]:
    """Yield the repairs of a side, most likely first."""
    inner = parts(root)
    yield from symbol_repairs.other_indices(inner, root, around)
    if around.has_matrices:
        yield from symbol_repairs.other_transposes(inner)
    yield from symbol_repairs.other_letters(inner, around)
    yield from term_repairs.scaled_parts(inner)
    yield from term_repairs.dropped_parts(inner)
    yield from term_repairs.other_exponents(inner)
    yield from other_functions(inner)
    yield from term_repairs.inserted_parts(inner, root, around)
    if around.has_matrices:
        yield from symbol_repairs.transposed_letters(inner, around)


def likely(root: Node, around: Surroundings) -> Iterator[Repair]:
    """Yield the repairs that are tried before all others: activations, conditions of cases, signs."""
    inner = parts(root)
    yield from other_activations(inner, around)
    yield from symbol_repairs.in_conditions(inner, around)
    yield from term_repairs.other_signs(inner)


_MOST_STEPS = 4  # inputs of activations whose steps, [z > 0], are tried as derivatives


def other_activations(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    """Yield the derivative of another activation for each part that is the derivative of one."""
    for part in parts:
        for new in _other_derivatives(part, parts, around):
            yield Repair("activation", part, new, "activation")
        if part.kind == "call" and part.args[0].kind == "function":
            for name in RELATED_ACTIVATIONS.get(part.args[0].value, ()):
                yield Repair("activation", part, with_arg(part, 0, make("function", (), name)), "activation")
        if part.kind in ("iverson", "cases"):
            for output in around.outputs:
                yield Repair("activation", part, times(output, one_minus(output)), "activation")
                yield Repair("activation", part, one_minus(squared(output)), "activation")


def other_functions(parts: Sequence[Node]) -> Iterator[Repair]:
    """Yield the function that is often confused with the one of a call."""
    for part in parts:
        if part.kind == "call" and part.args[0].kind == "function" and part.args[0].value in CONFUSED:
            function = make("function", (), CONFUSED[part.args[0].value])
            yield Repair("activation", part, with_arg(part, 0, function), "activation")


def _other_derivatives(part: Node, parts: Sequence[Node], around: Surroundings) -> Iterator[Node]:
    """Yield other derivatives for u(1 − u), that of a sigmoid, or 1 − u², that of tanh."""
    if part.kind == "multiply":
        for k, base in enumerate(part.args):
            for j, other in enumerate(part.args):
                inside = _complement(other)
                if j != k and inside is not None and same(inside, base):
                    outputs = _outputs(base, around)
                    sigmoids = [times(o, one_minus(o)) for o in outputs if not same(o, base)]
                    tanhs = [one_minus(squared(o)) for o in (base, *outputs)]
                    for new in (tanhs[0], *sigmoids, *tanhs[1:], *_steps(around)):
                        yield _with_factors(part, (k, j), new)
    alone = part.kind == "add" and not any(p.kind == "group" and p.args[0] is part for p in parts)
    power = _complement(part) if part.kind == "group" or alone else None
    if power is not None and power.kind == "power" and is_number(power.args[1], 2):
        base = power.args[0].args[0] if power.args[0].kind == "group" else power.args[0]
        yield times(base, one_minus(base))
        yield from (one_minus(squared(o)) for o in _outputs(base, around) if not same(o, base))
        yield from (*_steps(around), number(1), base)


def _complement(node: Node) -> Node | None:
    """Return the u of ``1 - u``; of ``1 - u^2`` the power."""
    inner = node.args[0] if node.kind == "group" else node
    if inner.kind == "add" and inner.value == (1, -1) and is_number(inner.args[0], 1):
        return inner.args[1]
    return None


def _outputs(base: Node, around: Surroundings) -> Sequence[Node]:
    """Return the outputs of activations that may be meant where the input of one is written."""
    return around.outputs if any(same(base, i) for i in around.inputs) else ()


def _steps(around: Surroundings) -> list[Node]:
    return [make("iverson", (make("compare", (z, number(0)), ">"),)) for z in around.inputs[:_MOST_STEPS]]


def _with_factors(part: Node, places: tuple[int, int], new: Node) -> Node:
    """Return a product with two of its factors replaced by others."""
    first, last = sorted(places)
    kept = [a for k, a in enumerate(part.args) if k not in places]
    signs = [s for k, s in enumerate(part.value) if k + 1 != last]
    kept[first:first] = new.args if new.kind == "multiply" else [new]
    while len(signs) < len(kept) - 1:
        signs.insert(first, "")
    return kept[0] if len(kept) == 1 else make("multiply", tuple(kept), tuple(signs[: len(kept) - 1]))
