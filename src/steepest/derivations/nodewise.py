"""Back-propagation through the graph of any cost, node by node, where no other derivation can be written.

Every operation that leads from a parameter to the cost gets a name, v₁, v₂, …, and a line; then, from the cost down,
∂C/∂v of each node is the sum over the nodes that use it of their own ∂C/∂v times the local derivative, which comes from
the table of operations. Nodes may be vectors and matrices.

Source: Griewank and Walther 2008, table 3.6; rows E6 and E7 of the notes.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus.adjoints import ONE, Adjoint
from steepest.calculus.gradient import backward_pass
from steepest.derivations.lines import Line, Passage, inlines
from steepest.derivations.notation import PARTIAL, partial, symbol
from steepest.derivations.point_values import SAMPLES, Array, evaluated, inserted, slopes
from steepest.derivations.verification import Verification, relative_difference, sides, summary
from steepest.documents.document import Block, Heading, Paragraph
from steepest.errors import DerivationError
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, constant, leaf, leaves, make, substitute
from steepest.expressions.notation import COST_LETTERS, current_notation, notation_of, written_in
from steepest.expressions.traversal import dependents, in_reading_order, toposort

_MOST_NODES = 60


@dataclass(frozen=True)
class NodeDerivation:
    """The derivation of a cost with respect to its parameters, node by node.

    Attributes:
        cost: what was differentiated.
        names: the symbol of each node, arguments before what uses them.
        forward: a line for each node.
        backward: ∂C/∂ of each node from the cost down, then of each parameter.
    """

    cost: Expression
    names: Mapping[Expression, Expression]
    forward: Passage
    backward: Passage

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every line, forward and backward."""
        return (*self.forward.lines, *self.backward.lines)

    def blocks(self) -> list[Block]:
        """Return the derivation as blocks of a document, after a paragraph on signs that are not the usual ones."""
        notation = notation_of([self.cost])
        said = [] if notation is current_notation() else notation.remarks([self.cost])
        with written_in(notation):
            return [
                *([Paragraph(inlines(said))] if said else []),
                Heading(("Forward, node by node",), 2), *self.forward.blocks(),
                Heading(("Backward, node by node",), 2), *self.backward.blocks(),
            ]  # fmt: skip

    def verify(self, points: int = 3, seed: int = 0, values: Mapping[str, ArrayLike] | None = None) -> Verification:
        """Evaluate both sides of every line at random points; the derivatives by complex steps through the cost.

        Args:
            points: how many.
            seed: of the points.
            values: a point of your own instead, one value or one column for each name.
        """
        points = points if values is None else 1
        at = [_Values(self, np.random.default_rng([seed, point]), values) for point in range(points)]
        differences = (
            (relative_difference(each.of(left), _filled(each.of(right), right, left)), left, right)
            for each in at
            for left, right in sides(self.lines)
        )
        return summary(differences, points)


def derive_nodes(cost: Expression) -> NodeDerivation:
    """Differentiate a cost with respect to its parameters, node by node.

    Args:
        cost: an expression of one number, of any shapes within.

    Raises:
        DerivationError: there are too many nodes for a reader, or no parameter.

    >>> from steepest.derivations.lines import formula
    >>> from steepest.expressions.expression import data, params
    >>> from steepest.expressions.operations import mean
    >>> x, w = data("x"), params("w")
    >>> for line in derive_nodes(mean((x * w) ** 2)).backward.lines:
    ...     print(formula(line.right).text, "--", line.rule)
    1/n -- sum rule
    2·(∂C/∂v2_i·v1_i) -- power rule
    Σ ∂C/∂v1_i·x_i -- product rule

    Source: Griewank and Walther 2008, table 3.6.
    """
    moving = dependents(toposort([cost]), PARAMETER)
    inner = [node for node in in_reading_order([cost]) if node in moving and node.args]
    if not inner:
        raise DerivationError("the cost contains no parameter to differentiate with respect to; give it one")
    if len(inner) > _MOST_NODES:
        raise DerivationError(
            f"the cost has {len(inner)} operations on parameters; a derivation node by node of more than "
            f"{_MOST_NODES} is not readable: use st.gradient"
        )
    letter = next(c for c in ("v", "u", "q", "node") if not any(leaf.name.startswith(c) for leaf in cost.leaves))
    whole = symbol(notation_of([cost]).free(COST_LETTERS))
    names = {
        node: whole if node is cost else symbol(f"{letter}{k}", "", node.shape, node.per_sample)
        for k, node in enumerate(inner, start=1)
    }
    forward = tuple(Line(names[node], _applied(node, names)) for node in inner)
    backward: list[Line] = []
    terms: dict[Expression, list[tuple[Expression, str]]] = {}
    parameters = [node for node in leaves([cost]) if node.operation is PARAMETER]
    for node in [*reversed(inner), *parameters]:
        if node is not cost:
            backward.append(_adjoint_line(whole, names.get(node, node), terms[node]))
        for child in dict.fromkeys(node.args):
            if child in moving:
                terms.setdefault(child, []).append(_contribution(node, child, names, whole))
    return NodeDerivation(
        cost, names,
        Passage(("Every operation on a path from the parameters to the cost gets a name:",), forward),
        Passage(("From the cost down, each derivative is a sum over the nodes that use it:",), tuple(backward)),
    )  # fmt: skip


def _filled(array: Array, right: Expression, left: Expression) -> Array:
    """Add axes to a number, per sample or not, so that it broadcasts over the features of the left side."""
    return array[(..., *(None,) * (len(left.shape) - len(right.shape)))]


def _applied(node: Expression, names: Mapping[Expression, Expression]) -> Expression:
    """Apply the operation of a node to the names of its arguments."""
    return make(node.operation, tuple(names.get(arg, arg) for arg in node.args), node.attributes)


def _adjoint_line(cost: Expression, name: Expression, terms: list[tuple[Expression, str]]) -> Line:
    total = reduce(operator.add, (term for term, _ in terms))
    rules = [*dict.fromkeys(rule for _, rule in terms), *(["sum over its users"] if len(terms) > 1 else [])]
    return Line(partial(cost, name), total, ", ".join(rules))


def _contribution(
    node: Expression, child: Expression, names: Mapping[Expression, Expression], cost: Expression
) -> tuple[Expression, str]:
    """Return what a node adds to the adjoint of one of its arguments, and the rule of the table."""
    applied, name = _applied(node, names), names.get(child, child)
    row, result = node.operation, names[node]
    bar = symbol("bar", "", node.shape, node.per_sample)
    seed = Adjoint(ONE if result is cost else bar)
    found = backward_pass({applied: seed}, [name]).get(name)
    term = constant(0) if found is None else substitute(found.expression(), {applied: result})
    term = substitute(term, {bar: partial(cost, result)})
    k = node.args.index(child)
    rule = row.rules[k] if row.rules else row.rule or f"derivative of {row.name}"
    return term, rule


class _Values:
    """Values at a random point: names by the cost's own nodes, derivatives by complex steps through the cost."""

    def __init__(
        self, derivation: NodeDerivation, random: np.random.Generator, given: Mapping[str, ArrayLike] | None = None
    ) -> None:
        self.derivation = derivation
        self.nodes = {name: node for node, name in derivation.names.items()}
        self.numbers: dict[str, Array] = {}
        if given is not None:
            self.numbers = {name: np.asarray(array, dtype=float) for name, array in given.items()}
            self.rows = max((len(self.numbers[name]) for name in derivation.cost.data), default=1)
            return
        self.rows = SAMPLES
        classes = {node.args[0]: node.shape[0] for node in toposort([derivation.cost]) if node.operation is op.one_hot}
        for node in leaves([derivation.cost]):
            shape = (SAMPLES, *node.shape) if node.operation is DATA else node.shape
            drawn: Array = 0.2 + 0.6 * random.random(shape)  # where logarithms and roots are defined
            drawn = random.integers(0, classes[node], shape) if node in classes else drawn
            self.numbers[node.name] = np.asarray(drawn, dtype=float)

    def of(self, side: Expression) -> Array:
        """Evaluate one side of a line."""
        return self._run(*inserted(side, self._named))

    def _named(self, node: Expression) -> Array | None:
        if node.operation is PARTIAL:
            return self._partial(node.args[1])
        return self._run(self.nodes[node], {}) if node in self.nodes else None

    def _run(self, root: Expression, given: Mapping[str, Array], dtype: str = "float64") -> Array:
        return evaluated(root, {**self.numbers, **given}, self.rows, dtype)

    def _constants(self) -> dict[Expression, Expression]:
        """Replace every ``stop_gradient`` by a name with its value at this point."""
        stopped = [node for node in toposort([self.derivation.cost]) if node.operation is op.stop_gradient]
        found = {node: leaf(DATA if node.per_sample else PARAMETER, f"held{node.uid}", node.shape) for node in stopped}
        self.numbers |= {stand_in.name: self._run(node, {}) for node, stand_in in found.items()}
        return found

    def _partial(self, name: Expression) -> Array:
        node = self.nodes.get(name, name)
        value = self._run(node, {})
        stand_in = leaf(DATA if node.per_sample else PARAMETER, "(part)", node.shape)
        cost = substitute(self.derivation.cost, {**self._constants(), node: stand_in})
        found = slopes(value, np.ndindex(*value.shape), lambda moved: self._run(cost, {"(part)": moved}, "complex128"))
        return np.reshape(found, value.shape)
