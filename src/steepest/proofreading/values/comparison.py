"""Compares two sides at many points, with a tolerance for round-off."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest.proofreading.meaning.document_model import LAYERS, SMALL, DocumentModel, Key
from steepest.proofreading.reading.tree import DERIVATIVES, Node, free_letters, is_derivative, walk
from steepest.proofreading.values.arrays import POINTS, Array, NoValueError, ShapeClashError, UndecidedError
from steepest.proofreading.values.evaluator import Evaluator
from steepest.proofreading.values.scope import Interpretation, Scope

# Relative tolerances for round-off: of sums, and where a difference quotient is inside a derivative or limit.
_EXACT, _ROUGH = 1e-9, 2e-6
_MIN_POINTS = 5  # with a value on both sides, of 16 and more
_MAX_CASES = 6  # choices of the free indices; a wrong formula already fails for the first few
_SCALES = ((3e-2, 3e-3), (3e-1, 1e-1))  # of small quantities, for two errors whose ratio tells their order
_NOISE = 1e-10  # relative, of an error that is round-off
_AS_WRITTEN = Interpretation.AS_WRITTEN
_LAYER_LETTERS = ("l", "L", "\\ell")


@dataclass(frozen=True)
class Comparison:
    """The values of two sides and where they agree."""

    left: Array  # over all points, elements and indices
    right: Array
    agree: Any
    tolerance: float  # relative to the size of the sides
    leaves: frozenset[Any] = frozenset()  # the letters that had random values
    letters: Mapping[Any, Array] = field(default_factory=dict)  # their values at the points
    numbers: tuple[dict[str, int], ...] = ()  # the values of the free indices, case by case
    points: Any = None  # the index of the point of each value
    lost: float = 0.0  # the share of points at which only the left side has a value

    @property
    def holds(self) -> bool:
        """Whether the sides agree everywhere."""
        return bool(self.agree.all())

    @property
    def share(self) -> float:
        """The share of points at which they agree."""
        return float(self.agree.mean())


def counterexample(comparison: Comparison) -> tuple[int, dict[str, float]]:
    """Return the index of a value at which the sides differ, and the letters' values there."""
    wrong = int(np.argmax(~comparison.agree))
    return wrong, values_at(comparison, wrong, changes=True)


def values_at(comparison: Comparison, k: int, changes: bool = False) -> dict[str, float]:
    """Return the letters, on request all changes Δ too, at the point of value k, sorted so that reports repeat."""
    point = int(comparison.points[k]) % POINTS
    return {
        name_of(key): float(np.real(values[point]))
        for key, values in sorted(comparison.letters.items(), key=lambda item: item[0])
        if (key in comparison.leaves or (changes and key[0].startswith("\\Delta "))) and np.ndim(values) == 1
    }


def name_of(key: Key) -> str:
    """Return a letter with its indices as LaTeX."""
    subs = "".join(str(n) for r, n in key[1] if r == "sub")
    ups = "".join(f"[{n}]" if r == "bracket" else f"({n})" for r, n in key[1] if r != "sub")
    return key[0] + (f"_{{{subs}}}" if len(subs) > 1 else f"_{subs}" if subs else "") + (f"^{{{ups}}}" if ups else "")


def holds_for_some(comparison: Comparison) -> bool:
    """Return whether the sides agree at some points for all indices, not counting those where both are 0."""
    telling = (np.abs(comparison.left) > 1e-9) | (np.abs(comparison.right) > 1e-9)
    good = total = 0
    for point in np.unique(comparison.points):
        here = comparison.points == point
        if telling[here].any():
            total += 1
            good += bool(comparison.agree[here].all())
    return total >= 6 and 0 < good < total


def cases(document: DocumentModel, nodes: list[Node]) -> list[dict[str, int]]:
    """Return the values of the free indices for which a line is evaluated."""
    letters = {letter: role for node in nodes for letter, role in free_letters(node).items()}
    ranges: list[list[tuple[str, int]]] = []
    for letter, role in letters.items():
        if document.indices.is_size(letter):
            continue
        above = role in ("paren", "bracket") and letter not in document.indices.ranges
        if letter in _LAYER_LETTERS or (above and letter in ("m", "M", "k")):
            given = any(d.target.kind == "derivative" for found in document.definitions.values() for d in found)
            ranges.append([(letter, LAYERS if given else 2)])
        else:
            ranges.append([(letter, n) for n in range(1, document.indices.range_of(letter) + 1)])
    chosen = list(itertools.islice(itertools.product(*ranges), 400))
    if len(chosen) > _MAX_CASES:
        # The first case is skipped: its indices are all equal, which hides mistakes in them.
        chosen = chosen[1 :: len(chosen) // _MAX_CASES][:_MAX_CASES]
    return [dict(case) for case in chosen]


def compare(
    document: DocumentModel,
    left: Node,
    right: Node,
    statement_index: int,
    interpretation: Interpretation = _AS_WRITTEN,
    scale: float = 1.0,
    loose: float = 0.0,
    quick: bool = False,
) -> Comparison:
    """Compute both sides at many points.

    Args:
        document: what the document says.
        left: one side.
        right: the other.
        statement_index: the index of their statement.
        interpretation: which definitions serve a symbol with a sample index.
        scale: a factor of small quantities.
        loose: a relative tolerance that replaces that for round-off; 0 for none.
        quick: whether to evaluate one choice of the free indices only.

    Raises:
        UndecidedError: a part has no value, or no point is in the domain of both.
        ShapeClashError: the sides, or parts of them, are of different shapes.
    """
    numbers = cases(document, [left, right])
    if quick:
        numbers = numbers[len(numbers) // 2 :][:1]
    lefts, rights, points, leaves = [], [], [], set[Any]()
    letters: dict[Any, Array] = {}
    for case in numbers:
        evaluator = Evaluator(Scope(document, statement_index, interpretation, scale))
        with np.errstate(all="ignore"):
            one, other = _aligned(evaluator.value(left, case), evaluator.value(right, case))
        lefts.append(one.ravel())
        rights.append(other.ravel())
        points.append(np.repeat(np.arange(len(one)), one.size // len(one)))
        leaves |= evaluator.scope.leaf_keys
        letters |= evaluator.scope.leaves
    a, b, at = np.real(np.concatenate(lefts)), np.real(np.concatenate(rights)), np.concatenate(points)
    finite = np.isfinite(a) & np.isfinite(b)
    lost = float(np.mean(np.isfinite(a) & np.isnan(b)))
    if finite.sum() < _MIN_POINTS:
        raise UndecidedError("there is no point at which both sides have a value")
    a, b, at = a[finite], b[finite], at[finite]
    tolerance = _ROUGH if _is_rough(document, left) or _is_rough(document, right) else _EXACT
    size = np.maximum(np.abs(a), np.abs(b))
    agree = np.abs(a - b) <= (loose * (1e-9 + size) if loose else tolerance * (scale + size))
    return Comparison(a, b, agree, tolerance, frozenset(leaves), letters, tuple(numbers), at, lost)


def compared(
    document: DocumentModel, left: Node, right: Node, statement_index: int, interpretation: Interpretation = _AS_WRITTEN
) -> Comparison | None:
    """Compute both sides at many points; return None if one has no value."""
    try:
        return compare(document, left, right, statement_index, interpretation)
    except NoValueError:
        return None


def _aligned(one: Array, other: Array) -> tuple[Array, Array]:
    """Return both sides in one shape; a matrix of one element is a number, and 0 has every shape."""
    if one.ndim == 3 and one.shape[1:] == (1, 1) and other.ndim == 1:
        one = one[:, 0, 0]
    if other.ndim == 3 and other.shape[1:] == (1, 1) and one.ndim == 1:
        other = other[:, 0, 0]
    if one.shape == other.shape:
        return one, other
    if one.ndim == 1 and other.ndim == 3 and not np.any(one):
        return np.broadcast_to(one[:, None, None], other.shape), other
    if one.ndim == 3 and other.ndim == 1 and not np.any(other):
        return one, np.broadcast_to(other[:, None, None], one.shape)
    raise ShapeClashError(f"the left side is {shape_words(one)}, the right side {shape_words(other)}")


def shape_words(value: Array) -> str:
    """Return the shape of a value in words."""
    if value.ndim == 1:
        return "a number"
    return f"{value.shape[1]}×{value.shape[2]}"


def _is_rough(document: DocumentModel, node: Node) -> bool:
    """Return whether a side contains a limit, or a derivative inside another one."""
    for part in walk(node):
        if part.kind == "limit" or (part.kind == "call" and part.value):
            return True
        if part.kind == "derivative" and len(part.args) > 2:
            return True
        if part.kind in DERIVATIVES and any(p is not part and is_derivative(p) for p in walk(part)):
            return True
    return document.has_derivatives


def convergence_orders(
    document: DocumentModel, left: Node, right: Node, statement_index: int, interpretation: Interpretation
) -> tuple[float, float] | None:
    """Return the powers with which the difference and the left side vanish with small quantities; None if unknown."""
    for scales in _SCALES:
        errors, sizes = [], []
        for scale in scales:
            found = compare(document, left, right, statement_index, interpretation, scale)
            errors.append(float(np.median(np.abs(found.left - found.right))))
            sizes.append(float(np.median(np.abs(found.left))))
        if min(errors) > _NOISE * max(sizes):  # an error of high order is lost in round-off where it is small
            break
    if min(errors) <= 0 or min(sizes) <= 0:
        return None
    ratio = np.log10(scales[0] / scales[1])
    return float(np.log10(errors[0] / errors[1]) / ratio), float(np.log10(sizes[0] / sizes[1]) / ratio)


def degree(node: Node) -> int:
    """Return the highest power of a small quantity in a formula, not counting divisors; 0 if there is none."""
    divisors = {id(p) for part in walk(node) if part.kind == "divide" for p in walk(part.args[1])}
    inside = (part for part in walk(node) if id(part) not in divisors)
    powers = [part.args for part in inside if part.kind == "power" and part.args[1].kind == "number"]
    small = [e for b, e in powers if b.kind == "change" or (b.base in SMALL and not b.args)]
    return max((int(float(exponent.value)) for exponent in small), default=0)
