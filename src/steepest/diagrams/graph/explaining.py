"""The chain rule at one node, with its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steepest.checking.kinks import kink_along
from steepest.diagrams.graph.numbers import Local, Numbers
from steepest.display.labels import figure, written
from steepest.expressions.expression import Expression

_LISTED = 3  # samples whose products are written out
_INDEX = "ᵢ"


def explain(numbers: Numbers, names: Mapping[Expression, str], node: Expression) -> str:
    """Write the chain rule at a node: ``∂f/∂x = ∂f/∂q · ∂q/∂x = −4 · 1 = −4``.

    Where a node has several users, their products are added; where its users have one value a sample and it has
    not, they are added over the samples.
    """
    root, left = numbers.root, f"∂{whole(numbers, names)}/∂{names[node]}"
    if node is root:
        return f"{left} = 1"
    users: dict[Expression, list[int]] = {}
    for user in numbers.nodes:
        for k, arg in enumerate(user.args):
            if arg is node:
                users.setdefault(user, []).append(k)
    terms = [_term(numbers, names, node, user, places) for user, places in users.items()]
    found = numbers.shown(numbers.adjoints[node], node)
    texts = [" + ".join(term.text for term in terms)]
    finite = np.isfinite(numbers.adjoints[node]).all()
    if all(term.products for term in terms):
        shown = _sum([product for term in terms for product in term.products])
        if finite and any(not np.isfinite(v) for term in terms for p in term.products for v in p):
            return f"{left} = {texts[0]} = {found}, computed in a form that does not overflow; as written it is {shown}"
        if texts[0] != shown:
            texts.append(shown)
    if texts[-1] != found:
        texts.append(found)
    return " = ".join([left, *texts]) + _remark(numbers, terms, node) + _at_kink(numbers, names, node)


_VARIED = 0.6180339887498949  # the golden ratio less 1: the fractional parts of its multiples are spread evenly


def _at_kink(numbers: Numbers, names: Mapping[Expression, str], node: Expression) -> str:
    """Return a remark where there is no derivative, since the slope jumps."""
    cost, given = numbers.as_one_number({node: names[node]})
    seen = numbers.values[node]
    # Elements move by different distances, so that jumps of two do not cancel; of a chosen sample only its own move.
    direction = 1 + (_VARIED * np.arange(seen.size) % 1).reshape(seen.shape)
    if node.per_sample and numbers.sample is not None:
        direction *= (np.arange(len(seen)) == numbers.sample).reshape(-1, *[1] * (seen.ndim - 1))
    kink = kink_along(cost, given, {names[node]: direction})
    if kink is None:
        return ""
    shown = {part: name for part, name in names.items() if part.is_leaf}
    where = f"{written(kink.node, shown)}, where {written(kink.distance, shown)} = 0"
    return f"; there is no derivative here, since the slope jumps at {where}"


def _remark(numbers: Numbers, terms: list[_Term], node: Expression) -> str:
    """Return which sample a derivative belongs to, or what the chosen sample contributes."""
    if numbers.samples == 1:
        return ""
    if node.per_sample:
        return f", of sample {numbers.sample}" if numbers.sample is not None else ", for each sample"
    chosen = [product for term in terms for product in term.chosen]
    if numbers.sample is None or not chosen:
        return ""
    given = sum(math.prod(factors) for factors in chosen)
    return f"; sample {numbers.sample} gives {_sum(chosen)} = {figure(given)} of it"


Product = tuple[float, ...]


@dataclass(frozen=True)
class _Term:
    """The contribution of one user of a node: a text, and products of numbers if they are numbers."""

    text: str
    products: list[Product]
    chosen: list[Product]  # of the chosen sample, where samples are added up


def _term(
    numbers: Numbers, names: Mapping[Expression, str], node: Expression, user: Expression, places: list[int]
) -> _Term:
    # Of a chosen sample's own value there is nothing to add up.
    alone = numbers.samples == 1 or (numbers.root.per_sample and numbers.sample is not None)
    summed = user.per_sample and not node.per_sample and not alone
    index, sign = (_INDEX, f"Σ{_INDEX} ") if summed else ("", "")
    before = f"∂{whole(numbers, names)}/∂{names[user]}{index}"
    parts = [numbers.local[user, k] for k in places]
    indexed = {n: f"{names[n]}{_INDEX}" for n in (*user.args, user) if summed and n.per_sample and n in names}
    factors = [part.factor for part in parts if part.factor is not None]
    if len(factors) < len(parts):
        rules = [
            written(part.rule, names, {**indexed, part.adjoint: before})
            for part in parts
            if part.rule is not None and part.adjoint is not None
        ]
        products = [f"{before} · {written(factor, names, indexed)}" for factor in factors]
        return _Term(sign + " + ".join([*rules, *products]), [], [])
    if user is numbers.root:
        text = " + ".join(written(factor, names, indexed) for factor in factors)
    else:
        text = f"{before} · ∂{names[user]}{index}/∂{names[node]}"
    if node.shape or user.shape:
        return _Term(sign + text, [], [])
    pairs = _pairs(numbers, user, parts)
    chosen = pairs[numbers.sample or 0]
    if summed:
        listed = pairs if len(pairs) <= _LISTED else []
        return _Term(sign + text, listed, [] if numbers.sample is None else [chosen])
    fixed = numbers.sample is not None or numbers.samples == 1 or not node.per_sample
    return _Term(text, [chosen] if fixed else [], [])


def whole(numbers: Numbers, names: Mapping[Expression, str]) -> str:
    """Return the name of the differentiated quantity: the sum over the samples, unless a sample is chosen."""
    summed = numbers.root.per_sample and numbers.samples > 1 and numbers.sample is None
    return f"Σ{names[numbers.root]}" if summed else names[numbers.root]


def _pairs(numbers: Numbers, user: Expression, parts: Sequence[Local]) -> list[Product]:
    """Return adjoint and local derivative for each sample, without the root's adjoint, which is 1."""
    local = np.broadcast_to(sum(np.asarray(part.value) for part in parts), numbers.samples).tolist()
    if user is numbers.root:
        return [(b,) for b in local]
    return list(zip(np.broadcast_to(numbers.adjoints[user], numbers.samples).tolist(), local, strict=True))


def _sum(products: list[Product]) -> str:
    """Write a sum of products: ``2 · 3 + (−1) · 4``."""
    texts = []
    for k, factors in enumerate(products):
        signed = [f"({figure(v)})" if v < 0 and (k or j) else figure(v) for j, v in enumerate(factors)]
        texts.append(" · ".join(signed))
    return " + ".join(texts)
