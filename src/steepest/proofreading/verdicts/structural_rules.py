"""Finds mistakes that the structure of a document shows, before anything is computed.

No comparison of two sides shows these mistakes: the line defines something, or is about a network whose layers have to
fit together. What a rule corrects stays corrected for the lines below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from steepest.proofreading.causes.repairs import without_factor
from steepest.proofreading.meaning.definitions import is_update
from steepest.proofreading.meaning.document_model import COSTS, linear
from steepest.proofreading.reading.tree import Node, make, same, signature, swap, symbol, symbols, ungrouped, walk
from steepest.proofreading.verdicts.case import Assessment, Case, Line

_SAMPLES = ("i", "j", "k", "n", "s", "t")


def apply_rules(case: Case) -> list[Assessment]:
    """Return the assessments of lines that a rule shows to be wrong, and correct those lines."""
    found: dict[Line, Assessment] = {}
    for rule in (_output_layer, _skipped_layer, _sampled_parameter, _bare_in_sum, _undefined_loss, _chain):
        found = {assessment.line: assessment for assessment in rule(case)} | found  # the first rule decides
    return list(found.values())


def _corrected(case: Case, line: Line, cause: str, message: str, old: Node, new: Node) -> Assessment:
    """Replace a part of the right side for all lines that follow."""
    corrected = case.writer.spliced(line.right_side, old, new)
    case.correct(line.right_side, swap(line.right, old, new))
    return Assessment(line, "differs", message, cause, corrected)


def _equalities(case: Case) -> Iterator[Line]:
    return (line for line in case.lines if line.relation in ("=", ":=") and line.is_read)


# -- layers --------------------------------------------------------------------------------------------------


def _output_layer(case: Case) -> Iterator[Assessment]:
    """Find ``y = a^{(l+1)}`` in a model that was said to have L layers."""
    depth = case.document.indices.depth_letter
    if not depth:
        return
    for line in _equalities(case):
        left, right = line.left, line.right
        last = line.relation_index + 2 >= len(line.statement.sides)
        if left.kind != "symbol" or left.args or right.kind != "symbol" or last:
            continue
        index = right.index("paren") or right.index("bracket")
        if index is None or not case.document.definitions.get(("symbol", right.base)):
            continue
        letter, _ = linear(index)
        if letter not in ("l", "k", "\\ell") or letter == depth:
            continue
        layers = symbol(depth)
        new = make("symbol", tuple(layers if a is index else a for a in right.args), right.value)
        meant, written = case.writer.latex(new), case.writer.latex(right)
        message = f"an index is wrong: the model has ${depth}$ layers, so that its output is ${meant}$, not ${written}$"
        yield _corrected(case, line, "index", message, right, new)


def _skipped_layer(case: Case) -> Iterator[Assessment]:
    """Find ``z^{[2]} = W^{[2]} x + b^{[2]}``: a layer that takes the input instead of the output of the layer below."""
    outputs: dict[int, Node] = {}
    inputs: dict[str, int] = {}
    for line in _equalities(case):
        left, right = line.left, line.right
        layer = _layer(left) if line.relation_index == 0 else None
        if layer is None:
            continue
        for given in _weighted(right, layer):
            if given.index("bracket") or given.index("paren"):
                continue
            below = outputs.get(layer - 1)
            if layer == 1:
                inputs[given.base] = line.statement_index
            elif layer > 1 and given.base in inputs and below is not None:
                if _is_used(case, below, inputs[given.base], line.statement_index):
                    continue
                takes = f"layer {layer} takes the output of layer {layer - 1}, ${case.writer.latex(below)}$"
                message = f"a wrong variable: {takes}, not the input ${case.writer.latex(given)}$"
                yield _corrected(case, line, "variable", message, given, below)
        if right.kind == "call" and len(right.args) == 2:
            outputs[layer] = left


def _layer(node: Node) -> int | None:
    """Return the number of the layer of a symbol: 2 for ``W^{[2]}``."""
    index = node.index("bracket") or node.index("paren") if node.kind == "symbol" else None
    return int(float(index.value)) if index is not None and index.kind == "number" else None


def _weighted(node: Node, layer: int) -> Iterator[Node]:
    """Yield the symbols that the weights of a layer are multiplied with."""
    for product in walk(node):
        if product.kind == "multiply" and len(product.args) == 2:
            weight, given = product.args
            if weight.base in ("W", "w", "\\theta") and given.kind == "symbol" and _layer(weight) == layer:
                yield given


def _is_used(case: Case, output: Node, first: int, index: int) -> bool:
    """Return whether another statement, from the first layer to the one after a statement, uses an output."""
    lines = (line for line in _equalities(case) if first < line.statement_index < index + 2)
    return any(same(s, output) for line in lines if line.statement_index != index for s in symbols(line.right))


def _sampled_parameter(case: Case) -> Iterator[Assessment]:
    """Find ``b^{[1](i)}``: a parameter has no index of a sample."""
    parameters, updated = _parameters(case)
    for line in _equalities(case):
        left, right = line.left, line.right
        if left.kind != "symbol":
            continue
        for part in symbols(right):
            if part.kind != "symbol" or not part.roles or part.base == left.base:
                continue
            last, role, bare = part.args[-1], part.roles[-1], part.roles[:-1]
            sampled = role in ("paren", "paren2", "sub") and last.kind == "symbol" and last.base in ("i", "j", "n")
            if not sampled or (part.base, bare) not in parameters or part.value in parameters:
                continue
            if case.document.definitions.get(("symbol", part.base)):
                continue
            if not bare and (role != "paren" or (part.base, bare) not in updated):
                continue  # C(x) and x_i: x names something else
            new = make("symbol", part.args[:-1], (part.base, bare))
            is_parameter = f"${case.writer.latex(new)}$ is a parameter, the same for all samples"
            message = f"an extra index: {is_parameter}, and has no index ${last.base}$"
            case.document = case.document.without_sample_index(part.base, part.roles)
            yield _corrected(case, line, "index", message, part, new)


def _parameters(case: Case) -> tuple[set[object], set[object]]:
    """Return the letters, with the roles of their indices, that are parameters, and those of them that are updated."""
    parameters: set[object] = set()
    updated: set[object] = set()
    for line in _equalities(case):
        left = line.left
        if left.kind == "call" and left.args[0].base in COSTS:
            parameters |= {a.value for a in left.args[1:] if a.kind == "symbol"}
        if left.kind == "symbol" and is_update(left, line.right):
            updated.add(left.value)
        for part in walk(line.right):
            if part.kind == "derivative" and part.args[0].kind == "symbol" and part.args[0].base in COSTS:
                parameters |= {v.value for v in part.args[1:] if v.kind == "symbol"}
    return parameters | updated, updated


# -- sums ----------------------------------------------------------------------------------------------------


def _bare_in_sum(case: Case) -> Iterator[Assessment]:
    r"""Find ``\sum_i (y_i - \hat{y})^2``: what varies by sample needs its index in the sum."""
    indexed = {
        (s.base, s.roles[:-1]): s
        for line in _equalities(case)
        for node in (line.left, line.right)
        for s in symbols(node)
        if s.roles and s.roles[-1] in ("sub", "paren") and s.args[-1].kind == "symbol" and s.args[-1].base in _SAMPLES
    }
    for line in _equalities(case):
        for part in walk(line.right):
            for inner in walk(part.args[0]) if part.kind == "sum" else ():
                bare = _first_bare(case, line, part, inner, indexed)
                if bare is None:
                    continue
                role = indexed[bare.base, bare.roles].roles[-1]
                index = symbol(part.value)
                new = make("symbol", (*bare.args, index), (bare.base, (*bare.roles, role)))
                meant, written = case.writer.latex(new), case.writer.latex(bare)
                message = f"an index is missing: in the sum over ${part.value}$ it is ${meant}$, not ${written}$"
                yield _corrected(case, line, "index", message, bare, new)


def _first_bare(
    case: Case, line: Line, total: Node, inner: Node, indexed: Mapping[tuple[str, tuple[str, ...]], Node]
) -> Node | None:
    """Return the first symbol next to one with the index of a sum that has this index elsewhere but not here."""
    if inner.kind not in ("add", "multiply"):
        return None
    neighbours = [a for a in inner.args if a.kind == "symbol"]
    if not any(s.args and s.args[-1].kind == "symbol" and s.args[-1].base == total.value for s in neighbours):
        return None
    for bare in neighbours:
        if any(a.base == total.value for a in bare.args) or (bare.base, bare.roles) not in indexed:
            continue
        if any(s.base == bare.base and s is not bare for s in symbols(total)):
            continue
        if bare.base.startswith("\\hat") or _is_output(case, bare, line.statement_index):
            return bare
    return None


def _is_output(case: Case, node: Node, statement_index: int) -> bool:
    """Return whether a letter is defined by a formula with data in it."""
    found = case.document.definitions_of(node, statement_index)
    return bool(found) and any(s.base in case.document.letters.sampled for s in symbols(found[0].body))


def _undefined_loss(case: Case) -> Iterator[Assessment]:
    r"""Find ``\sum \mathcal{L}(\hat{y} - y)`` where L is not defined and lines below depend on it."""
    for line in _equalities(case):
        head = line.left.args[0] if line.left.kind == "call" else line.left
        if head.kind != "symbol" or head.base not in COSTS:
            continue
        for part in walk(line.right):
            if part.kind != "call" or part.value or part.args[0].kind != "symbol" or part.args[0].base == "\\sigma":
                continue
            loss = part.args[0]
            claim = _claimed_gradient(case, line.statement_index)
            if claim is None or case.document.definitions.get(("symbol", loss.base)):
                continue
            name, left, right = (case.writer.latex(n) for n in (loss, claim.left, claim.right))
            fits = f"${left} = {right}$ further on is right for the cross-entropy of a sigmoid's output"
            message = f"${name}$ is never defined; {fits}, and not for a squared error"
            yield _corrected(case, line, "undefined", message, part, _of_two_arguments(part))
            break


def _claimed_gradient(case: Case, statement_index: int) -> Line | None:
    """Return the first line after a statement that gives a derivative as a difference: ``dz = a - y``."""
    below = (line for line in _equalities(case) if line.statement_index > statement_index)
    gradients = (line for line in below if line.left.kind in ("cost_gradient", "derivative"))
    sums = (line for line in gradients if line.right.kind == "add" and line.right.value == (1, -1))
    return next((line for line in sums if all(a.kind == "symbol" for a in line.right.args)), None)


def _of_two_arguments(call: Node) -> Node:
    """Return ``L(a, y)`` for ``L(a - y)``, and any other call as it is."""
    inner = ungrouped(call.args[1])
    if len(call.args) == 2 and inner.kind == "add" and len(inner.args) == 2:
        return make("call", (call.args[0], *inner.args), 0)
    return call


# -- the chain rule ------------------------------------------------------------------------------------------


def _chain(case: Case) -> Iterator[Assessment]:
    """Find a product of derivatives with a factor that does not belong to the chain rule."""
    for line in _equalities(case):
        left, right = line.left, line.right
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
            if _leads(links[:k] + links[k + 1 :], start, goal):
                names = [case.writer.latex(n) for n in (factor, *left.args)]
                message = f"an extra factor: ${names[0]}$ is not a link of the chain from ${names[1]}$ to ${names[2]}$"
                yield _corrected(case, line, "term", message, right, without_factor(right, k))
                break


def _leads(links: Sequence[tuple[object, object]], start: object, goal: object) -> bool:
    """Return whether links, each used once, lead from a start to a goal."""
    remaining, here = list(links), start
    while remaining:
        following = next((link for link in remaining if link[0] == here), None)
        if following is None:
            return False
        remaining.remove(following)
        here = following[1]
    return here == goal
