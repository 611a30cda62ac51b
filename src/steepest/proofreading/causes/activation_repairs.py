"""Repairs of activations and their derivatives: another function, its input for its output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from steepest.proofreading.causes.repairs import Repair, one_minus, squared
from steepest.proofreading.causes.surroundings import Surroundings
from steepest.proofreading.reading.tree import (
    Node,
    make,
    number,
    same,
    times,
)

_RELATED = {"tanh": ("sigmoid",), "sigmoid": ("tanh",), "relu": ("sigmoid", "tanh")}
_SWAPPED = {
    "sin": "cos", "cos": "sin", "exp": "log", "log": "exp", "sinh": "cosh", "cosh": "sinh", "max": "min", "min": "max",
}  # fmt: skip


def other_activations(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "multiply":
            for k, one in enumerate(part.args):
                for j, other in enumerate(part.args):
                    inside = _complement(other)
                    if j == k or inside is None or not same(inside, one):
                        continue
                    yield from _instead(part, (k, j), one, around, "sigmoid")
        alone = part.kind == "add" and not any(p.kind == "group" and p.args[0] is part for p in parts)
        inside = _complement(part) if part.kind == "group" or alone else None
        if (
            inside is not None
            and inside.kind == "power"
            and inside.args[1].kind == "number"
            and float(inside.args[1].value) == 2
        ):
            base = inside.args[0]
            base = base.args[0] if base.kind == "group" else base
            for new in (
                times(base, one_minus(base)),
                *_others(base, around, "tanh"),
                *_steps(base, around),
                number(1),
                base,
            ):
                yield Repair("activation", part, new, "activation")
        if part.kind == "call" and part.args[0].kind == "function" and part.args[0].value in _RELATED:
            for name in _RELATED[part.args[0].value]:
                function = make("function", (), name)
                yield Repair("activation", part, make("call", (function, *part.args[1:]), part.value), "activation")
        if part.kind in ("iverson", "cases"):
            for output in around.outputs:
                yield Repair("activation", part, times(output, one_minus(output)), "activation")
                yield Repair("activation", part, one_minus(squared(output)), "activation")


def _complement(node: Node) -> Node | None:
    """The u of ``(1 - u)``; of ``(1 - u^2)`` the power."""
    inner = node.args[0] if node.kind == "group" else node
    if (
        inner.kind == "add"
        and inner.value == (1, -1)
        and inner.args[0].kind == "number"
        and float(inner.args[0].value) == 1
    ):
        return inner.args[1]
    return None


def _instead(part: Node, pair: tuple[int, int], base: Node, around: Surroundings, kind: str) -> Iterator[Repair]:
    """Other derivatives in the place of the two factors of σ′ = u(1 − u)."""
    for new in (one_minus(squared(base)), *_others(base, around, kind), *_steps(base, around)):
        yield Repair("activation", part, _with_factors(part, pair, new), "activation")


def _others(base: Node, around: Surroundings, kind: str) -> list[Node]:
    """The same derivative of another letter, where a pre-activation stands for the activation."""
    if not any(same(base, i) for i in around.inputs):
        return []
    if kind == "sigmoid":
        return [times(o, one_minus(o)) for o in around.outputs if not same(o, base)] + [
            one_minus(squared(o)) for o in around.outputs
        ]
    return [one_minus(squared(o)) for o in around.outputs if not same(o, base)]


def _steps(base: Node, around: Surroundings) -> list[Node]:
    return [make("iverson", (make("compare", (z, number(0)), ">"),)) for z in around.inputs[:4]]


def _with_factors(part: Node, places: tuple[int, int], new: Node) -> Node:
    """A product with two of its factors replaced by others."""
    first, _second = sorted(places)
    kept = [a for k, a in enumerate(part.args) if k not in places]
    signs = [s for k, s in enumerate(part.value) if k + 1 != max(places)]
    added = list(new.args) if new.kind == "multiply" else [new]
    kept[first:first] = added
    while len(signs) < len(kept) - 1:
        signs.insert(first, "")
    return kept[0] if len(kept) == 1 else make("multiply", tuple(kept), tuple(signs[: len(kept) - 1]))


def other_functions(parts: Sequence[Node]) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "call" and part.args[0].kind == "function" and part.args[0].value in _SWAPPED:
            function = make("function", (), _SWAPPED[part.args[0].value])
            yield Repair("activation", part, make("call", (function, *part.args[1:]), part.value), "activation")
