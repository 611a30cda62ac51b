"""What is seen by looking at a line as it is written, before anything is computed.

These are mistakes that no comparison of two sides shows: the line defines something, or is about a network whose layers
have to fit together. What a rule puts right stays right for the lines below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from steepest.proofreading.meaning.definitions import is_update
from steepest.proofreading.meaning.document_model import COSTS, linear
from steepest.proofreading.reading.tree import Node, make, number, same, signature, swap, symbols, walk
from steepest.proofreading.values.errors import ShapeClashError, UndecidedError
from steepest.proofreading.values.evaluator import Evaluator
from steepest.proofreading.values.scope import Scope

if TYPE_CHECKING:
    from steepest.proofreading.verdicts.deciding import Decider, Draft

_SAMPLES = ("i", "j", "k", "n", "s", "t")


OVERFLOW = "; computed as written it is ∞/∞ for large numbers, where floating point overflows"
"""Added to what is said of a quotient of growing exponentials; the mathematics is right."""


def overflows(node: Node) -> bool:
    """Whether a quotient has exponentials that grow both above and below its line."""
    return any(part.kind == "divide" and all(_grows(a) for a in part.args) for part in walk(node))


def _grows(node: Node) -> bool:
    calls = [p for p in walk(node) if p.kind == "call" and p.args[0].kind == "function" and p.args[0].value == "exp"]
    return any(p.args[1].kind != "negate" and symbols(p.args[1]) for p in calls)


def structural(decider: Decider) -> list[Draft]:
    """Drafts of lines that the structure of the document shows to be wrong."""
    found: list[Draft] = []
    for rule in (_output_layer, _skipped_layer, _sampled_parameter, _bare_in_sum, _undefined_loss, _chain):
        found += [
            draft
            for draft in rule(decider)
            if (draft.statement_index, draft.relation_index)
            not in {(d.statement_index, d.relation_index) for d in found}
        ]
    return found


def _draft(
    decider: Decider,
    statement_index: int,
    relation_index: int,
    cause: str,
    message: str,
    old: Node,
    new: Node,
    left: bool = False,
) -> Draft:
    """A draft that puts one part of a side in the place of another, for good."""
    from steepest.proofreading.verdicts.deciding import Draft as Made

    statement = decider.parsed.statements[statement_index]
    side = statement.sides[relation_index if left else relation_index + 1]
    corrected = decider.writer.spliced(side, old, new)
    assert side.node is not None  # a rule read it
    changed = swap(side.node, old, new)
    draft = Made(statement_index, relation_index, "differs", cause, message, "" if left else corrected)
    if left:
        draft.whole = f"{corrected} {statement.relations[relation_index]} {statement.sides[relation_index + 1].text}"
    decider.document = decider.document.with_body(side.node, changed)
    side.node = changed
    decider.fixed[side] = changed
    return draft


def _lines(decider: Decider) -> Iterator[tuple[int, int, Node, Node]]:
    for statement_index, statement in enumerate(decider.parsed.statements):
        for relation_index in range(len(statement.relations)):
            left, right = statement.sides[relation_index].node, statement.sides[relation_index + 1].node
            if statement.relations[relation_index] in ("=", ":=") and left is not None and right is not None:
                yield statement_index, relation_index, left, right


# -- layers --------------------------------------------------------------------------------------------------


def _output_layer(decider: Decider) -> Iterator[Draft]:
    """``y = a^{(l+1)}`` in a model that was said to have L layers."""
    said = decider.document.indices.depth_letter
    if not said:
        return
    layers = make("symbol", (), (said, ()))
    for statement_index, relation_index, left, right in _lines(decider):
        if (
            left.kind != "symbol"
            or left.args
            or right.kind != "symbol"
            or relation_index + 2 >= len(decider.parsed.statements[statement_index].sides)
        ):
            continue
        index = right.index("paren") or right.index("bracket")
        if index is None or not decider.document.definitions.get(("symbol", right.base)):
            continue
        letter, _ = linear(index)
        if letter not in ("l", "k", "\\ell") or letter == said:
            continue
        new = make("symbol", tuple(layers if a is index else a for a in right.args), right.value)
        message = (
            f"an index is wrong: the model has ${said}$ layers, so its output is ${decider.writer.latex(new)}$, "
            f"not ${decider.writer.latex(right)}$"
        )
        yield _draft(decider, statement_index, relation_index, "index", message, right, new)


def _skipped_layer(decider: Decider) -> Iterator[Draft]:
    """``z^{[2]} = W^{[2]} x + b^{[2]}``: a layer that takes the input again, past the layer below."""
    outputs: dict[int, Node] = {}
    inputs: dict[str, int] = {}
    for statement_index, relation_index, left, right in _lines(decider):
        index = left.index("bracket") or left.index("paren") if left.kind == "symbol" and relation_index == 0 else None
        if index is None or index.kind != "number":
            continue
        layer = int(float(index.value))
        products = [p for p in walk(right) if p.kind == "multiply" and len(p.args) == 2]
        for product in products:
            weight, given = product.args
            if weight.kind != "symbol" or given.kind != "symbol" or weight.base not in ("W", "w", "\\theta"):
                continue
            role = weight.index("bracket") or weight.index("paren")
            if role is None or role.kind != "number" or int(float(role.value)) != layer:
                continue
            plain = not (given.index("bracket") or given.index("paren"))
            if plain and layer == 1:
                inputs[given.base] = statement_index
            elif plain and layer > 1 and given.base in inputs and layer - 1 in outputs:
                below = outputs[layer - 1]
                if any(
                    same(s, below)
                    for o, _, _, r in _lines(decider)
                    if inputs[given.base] < o < statement_index + 2 and o != statement_index
                    for s in symbols(r)
                ):
                    continue
                message = (
                    f"a wrong variable: layer {layer} takes what layer {layer - 1} made, "
                    f"${decider.writer.latex(below)}$, "
                    f"not the input ${decider.writer.latex(given)}$ again"
                )
                yield _draft(decider, statement_index, relation_index, "variable", message, given, below)
        if right.kind == "call" and len(right.args) == 2:
            outputs[layer] = left


def _sampled_parameter(decider: Decider) -> Iterator[Draft]:
    """``b^{[1](i)}``: a parameter has no index of a sample."""
    parameters: dict[tuple[str, tuple[str, ...]], Node] = {}
    moved: set[tuple[str, tuple[str, ...]]] = set()
    for _, _, left, right in _lines(decider):
        if left.kind == "call" and left.args[0].base in COSTS:
            parameters.update({(f.base, f.roles): f for f in left.args[1:] if f.kind == "symbol"})
        if left.kind == "symbol" and is_update(left, right):
            parameters[left.base, left.roles] = left
            moved.add((left.base, left.roles))
        for part in walk(right):
            if part.kind == "derivative" and part.args[0].kind == "symbol" and part.args[0].base in COSTS:
                parameters.update({(v.base, v.roles): v for v in part.args[1:] if v.kind == "symbol"})
    for statement_index, relation_index, left, right in _lines(decider):
        if left.kind != "symbol":
            continue
        for part in symbols(right):
            if part.kind != "symbol" or not part.roles or part.base == left.base:
                continue
            last = part.args[-1]
            bare = part.roles[:-1]
            sample = (
                part.roles[-1] in ("paren", "paren2", "sub") and last.kind == "symbol" and last.base in ("i", "j", "n")
            )
            if not sample or (part.base, bare) not in parameters or (part.base, part.roles) in parameters:
                continue
            if decider.document.definitions.get(("symbol", part.base)):
                continue
            if not bare and (part.roles[-1] != "paren" or (part.base, bare) not in moved):
                continue  # C(x) and x_i: x names something else
            new = make("symbol", part.args[:-1], (part.base, bare))
            message = (
                f"an index is too many: ${decider.writer.latex(new)}$ is a parameter, the "
                f"same for all samples, and has no index ${last.base}$"
            )
            decider.document = decider.document.without_sample_index(part.base, part.roles)
            yield _draft(decider, statement_index, relation_index, "index", message, part, new)


# -- sums ----------------------------------------------------------------------------------------------------


def _bare_in_sum(decider: Decider) -> Iterator[Draft]:
    r"""``\sum_i (y_i - \hat{y})^2``: what varies by sample needs its index in the sum."""
    indexed = {
        (s.base, s.roles[:-1]): s
        for _, _, left, right in _lines(decider)
        for node in (left, right)
        for s in symbols(node)
        if s.roles and s.roles[-1] in ("sub", "paren") and s.args[-1].kind == "symbol" and s.args[-1].base in _SAMPLES
    }
    for statement_index, relation_index, _, right in _lines(decider):
        for part in walk(right):
            if part.kind != "sum":
                continue
            for inner in walk(part.args[0]):
                if inner.kind not in ("add", "multiply"):
                    continue
                beside = [s for a in inner.args if a.kind == "symbol" for s in [a]]
                with_index = [
                    s for s in beside if s.args and s.args[-1].kind == "symbol" and s.args[-1].base == part.value
                ]
                for bare in (s for s in beside if not any(a.base == part.value for a in s.args)):
                    like = indexed.get((bare.base, bare.roles))
                    if not with_index or like is None or like.args[-1].kind != "symbol":
                        continue
                    if any(s.base == bare.base and s is not bare for s in symbols(part)) or (
                        not bare.base.startswith("\\hat") and not _is_output(decider, bare, statement_index)
                    ):
                        continue
                    index = make("symbol", (), (part.value, ()))
                    new = make("symbol", (*bare.args, index), (bare.base, (*bare.roles, like.roles[-1])))
                    message = (
                        f"an index is missing: in the sum over ${part.value}$ it is ${decider.writer.latex(new)}$, "
                        f"not ${decider.writer.latex(bare)}$"
                    )
                    yield _draft(decider, statement_index, relation_index, "index", message, bare, new)
                    break


def _is_output(decider: Decider, node: Node, statement_index: int) -> bool:
    """Whether a letter is defined by a formula with data in it."""
    found = decider.document.definitions_of(node, statement_index)
    return bool(found) and any(s.base in decider.document.letters.sampled for s in symbols(found[0].body))


def _undefined_loss(decider: Decider) -> Iterator[Draft]:
    r"""``\sum \mathcal{L}(\hat{y} - y)`` where nothing says what the loss is, and lines below depend on it."""
    for statement_index, relation_index, left, right in _lines(decider):
        head = left.args[0] if left.kind == "call" else left
        if head.kind != "symbol" or head.base not in COSTS:
            continue
        for part in walk(right):
            if part.kind != "call" or part.value or part.args[0].kind != "symbol" or part.args[0].base == "\\sigma":
                continue
            loss = part.args[0]
            if decider.document.definitions.get(("symbol", loss.base)):
                continue
            claims = [
                (o, le, ri)
                for o, _, le, ri in _lines(decider)
                if o > statement_index
                and le.kind in ("cost_gradient", "derivative")
                and ri.kind == "add"
                and len(ri.args) == 2
                and ri.value == (1, -1)
                and all(a.kind == "symbol" for a in ri.args)
            ]
            if not claims:
                continue
            new = part
            if len(part.args) == 2 and part.args[1].kind in ("add", "group"):
                inner = part.args[1].args[0] if part.args[1].kind == "group" else part.args[1]
                if inner.kind == "add" and len(inner.args) == 2:
                    new = make("call", (loss, *inner.args), 0)
            name = decider.writer.latex(loss)
            used = decider.writer.latex(claims[0][1]), decider.writer.latex(claims[0][2])
            message = (
                f"${name}$ is never defined; ${used[0]} = {used[1]}$ further on is right "
                f"for the cross-entropy of prediction and target "
                "behind a sigmoid, and not for a squared error"
            )
            draft = _draft(decider, statement_index, relation_index, "undefined", message, part, new)
            yield draft
            break


# -- the chain rule ------------------------------------------------------------------------------------------


def _chain(decider: Decider) -> Iterator[Draft]:
    """A product of derivatives that does not lead from what is derived to that by which it is derived."""
    for statement_index, relation_index, left, right in _lines(decider):
        if left.kind != "derivative" or len(left.args) != 2 or right.kind != "multiply" or len(right.args) < 3:
            continue
        factors = right.args
        if any(f.kind != "derivative" or len(f.args) != 2 for f in factors):
            continue
        start, goal = signature(left.args[0]), signature(left.args[1])
        links = [(signature(f.args[0]), signature(f.args[1])) for f in factors]
        if _leads(links, start, goal):
            continue
        for k, factor in enumerate(factors):
            rest = links[:k] + links[k + 1 :]
            if _leads(rest, start, goal):
                kept = factors[:k] + factors[k + 1 :]
                signs = right.value[1:] if k == 0 else right.value[: k - 1] + right.value[k:]
                new = replace(right, args=kept, value=signs, start=-1, end=-1)
                message = (
                    f"a factor is too much: ${decider.writer.latex(factor)}$ is no link of the "
                    f"chain from ${decider.writer.latex(left.args[0])}$ to ${decider.writer.latex(left.args[1])}$"
                )
                yield _draft(decider, statement_index, relation_index, "term", message, right, new)
                break


def _leads(links: Sequence[tuple[object, object]], start: object, goal: object) -> bool:
    """Whether links, each used once, lead from a start to a goal."""
    left = list(links)
    here = start
    while left:
        following = next((link for link in left if link[0] == here), None)
        if following is None:
            return False
        left.remove(following)
        here = following[1]
    return here == goal


# -- layer-wise costs ----------------------------------------------------------------------------------------


def add_layerwise_factor(decider: Decider, blamed: Draft, draft: Draft) -> None:
    """Say by which factor layer-wise derivatives differ from those of the cost."""
    statement = decider.parsed.statements[draft.statement_index]
    head = next((m.node for m in statement.sides if m.node is not None), None)
    if head is None or head.kind != "derivative" or head.args[0].kind != "symbol" or not head.args[0].args:
        return
    cost, variable = head.args[0], head.args[1]
    index = cost.index("paren") or cost.index("bracket")
    if index is None or index.kind != "number":
        return
    above = make("symbol", (number(int(float(index.value)) + 1),), cost.value) if len(cost.args) == 1 else None
    if above is None or not decider.document.definitions_of(above, draft.statement_index):
        return
    evaluator = Evaluator(Scope(decider.document, draft.statement_index))
    try:
        one = evaluator.value(head, {})
        other = evaluator.value(make("derivative", (above, variable), "partial"), {})
    except (UndecidedError, ShapeClashError):
        return
    with np.errstate(all="ignore"):
        ratio = np.real(one / other)
    if ratio.ndim != 1 or not np.isfinite(ratio).all() or np.ptp(ratio) > 1e-6 * abs(float(ratio[0])):
        return
    named = decider.doctor.name_factor(float(ratio[0]), head, head)
    if named is not None:
        own = decider.writer.latex(make("derivative", (above, variable), "partial"))
        here = decider.writer.latex(head)
        blamed.message += f"; and then ${here}$ is ${named[1]}$ times ${own}$, the derivative of the cost itself"
