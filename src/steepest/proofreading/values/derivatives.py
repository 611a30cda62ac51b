"""Evaluates derivatives, gradients, changes and limits of what a document defines.

A derivative is taken by a complex step (Squire & Trapp 1998), which is exact to round-off. Inside another derivative
the argument is complex already; there a central difference of sixth order is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from steepest.proofreading.meaning.document_model import Key, bind
from steepest.proofreading.meaning.objective import find_objective, is_vague
from steepest.proofreading.reading.tree import Node, is_of_symbols
from steepest.proofreading.values.arrays import POINTS, Array, NoValueError, UndecidedError, elementwise, stacked
from steepest.proofreading.values.scope import MAX_DEFINITIONS, Scope, ScopedEvaluator
from steepest.proofreading.values.symbols import Bound, SymbolLookup, symbol_of

_COMPLEX_STEP = 1e-30  # its square vanishes beside 1, so that the step leaves no truncation error
# The truncation error of this difference is of order h^6, its round-off of order eps/h.
_STEP = 2e-3
_STENCIL = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
_MAX_DERIVATIVES = 3  # each further one loses digits, and costs six evaluations of the one inside
_LIMIT_STEP, _LIMIT_LEVELS = 1e-3, 5


class Differentiator:
    """Evaluates derivatives; it has no state but the scope of its evaluator."""

    def __init__(self, evaluator: ScopedEvaluator, symbols: SymbolLookup) -> None:
        self.evaluator, self.symbols = evaluator, symbols
        self.scope, self.document = evaluator.scope, evaluator.scope.document

    def differentiate(self, function: Callable[[Array], Array], at: Array, order: int = 1) -> Array:
        """Return the derivative of an elementwise function."""
        if order > 1:
            if order > _MAX_DERIVATIVES + 1:
                raise UndecidedError("derivatives of so high an order are not evaluated")
            return self._by_differences(lambda v: self.differentiate(function, v, order - 1), at)
        if np.iscomplexobj(at) or self.scope.complex_depth:
            return self._by_differences(function, at)
        self.scope.complex_depth += 1
        try:
            return np.asarray(np.imag(function(at + 1j * _COMPLEX_STEP)) / _COMPLEX_STEP)
        finally:
            self.scope.complex_depth -= 1

    def _by_differences(self, function: Callable[[Array], Array], at: Array) -> Array:
        return np.asarray(sum(w * (function(at + k * _STEP) - function(at - k * _STEP)) for k, w in _STENCIL) / _STEP)

    def derivative(self, node: Node, numbers: Mapping[str, int]) -> Array:
        """Return the derivative that a node asks for."""
        given = self.given_derivative(node, numbers)
        return self.derivative_of(node.args[0], node.args[1:], numbers) if given is None else given

    def given_derivative(self, node: Node, numbers: Mapping[str, int]) -> Array | None:
        """Return a derivative that the document gives without defining the function; None if it does not."""
        found = self.document.definitions.get(("derivative", node.args[0].base), ())
        if not found or not is_of_symbols(node):
            return None
        concrete, by = (self.symbols.key(part, numbers) for part in node.args)
        for definition in self.document.by_nearness(found, self.scope.statement_index):
            bound: dict[str, int] | None = {}
            for target, key in ((definition.target.args[0], concrete), (definition.target.args[1], by)):
                if bound is None or target.base != key[0] or sorted(target.roles) != sorted(r for r, _ in key[1]):
                    bound = None
                    break
                bound = bind(target, bound, tuple(dict(key[1])[r] for r in target.roles), self.document.indices)
            if bound is not None:
                return self.evaluator.value(definition.body, {**numbers, **bound})
        return None

    def derivative_of(self, body: Node, by: Sequence[Node], numbers: Mapping[str, int]) -> Array:
        """Return the derivative of a tree with respect to one symbol after another."""
        variable, rest = by[-1], by[:-1]

        def inner(evaluator: ScopedEvaluator) -> Array:
            if rest:
                nested = Differentiator(evaluator, SymbolLookup(evaluator))
                return nested.derivative_of(body, rest, numbers)
            return evaluator.value(body, numbers)

        keys = self.variable(variable, numbers)
        if len(keys) > 1:
            cells = [self.by_key(inner, key, variable, numbers) for key in keys]
            trouble = "derivatives of vectors with respect to vectors are not evaluated here"
            return stacked(cells, trouble)[:, :, None]
        return self.by_key(inner, keys[0], variable, numbers)

    def by_key(
        self, inner: Callable[[ScopedEvaluator], Array], key: Key, variable: Node, numbers: Mapping[str, int]
    ) -> Array:
        """Return the derivative with respect to one symbol, number or array."""
        if self.scope.derivatives > _MAX_DERIVATIVES:
            raise UndecidedError("derivatives are nested too deeply here")
        at = self.current(key, variable, numbers)

        def function(value: Array) -> Array:
            return inner(self.evaluator.within(self.scope.inner({key: value}, derivatives=1)))

        if at.ndim == 1:
            # A vector's derivative by a number has its shape; the complex step goes through as it is.
            return self.differentiate(function, at)
        cells = []
        for row, column in np.ndindex(at.shape[1:]):

            def moved(value: Array, row: int = row, column: int = column) -> Array:
                array = at.astype(np.result_type(at, value)).copy()
                array[:, row, column] = value
                return function(array)

            cell = self.differentiate(moved, at[:, row, column])
            cells.append(cell[:, 0, 0] if cell.ndim == 3 and cell.shape[1:] == (1, 1) else cell)
        if all(c.ndim == 1 for c in cells):
            return np.stack(cells, axis=-1).reshape(at.shape)
        if all(c.ndim == 3 and c.shape[2] == 1 for c in cells) and at.shape[2] == 1:
            return np.concatenate(cells, axis=2)
        raise UndecidedError("derivatives of matrices with respect to matrices are not evaluated here")

    def current(self, key: Key, variable: Node, numbers: Mapping[str, int]) -> Array:
        """Return the value of the symbol with respect to which a derivative is taken."""
        if variable.kind == "change":
            return self.change(variable, numbers)
        return self.symbols.of_key(key, symbol_of(key), numbers)

    def variable(self, variable: Node, numbers: Mapping[str, int]) -> list[Key]:
        """Return the keys of a variable: one, or those of the parts of θ."""
        if variable.kind == "power" and variable.args[0].kind == "symbol" and variable.args[1].kind == "number":
            inner, number = variable.args[0], int(float(variable.args[1].value))  # b^1 for b^{(1)}
            for role in ("paren", "bracket", "sub"):
                if (role,) in self.document.indices.roles.get(inner.base, set()):
                    return [(inner.base, ((role, number),))]
        if variable.kind == "change":
            return [("\\Delta " + variable.args[0].base, ())]
        if variable.kind in ("group", "transpose") or (variable.kind == "call" and variable.args[0].kind == "symbol"):
            return self.variable(variable.args[0], numbers)
        if variable.kind != "symbol":
            raise UndecidedError("derivatives are taken with respect to symbols")
        if variable.roles == ("sub",) and ("sub",) not in self.document.indices.roles.get(variable.base, set()):
            for role in ("paren", "bracket"):
                if (role,) in self.document.indices.roles.get(variable.base, set()):
                    return [(variable.base, ((role, self.symbols.index_value(variable.args[0], numbers)),))]
        key = self.symbols.key(variable, numbers)
        for _ in range(4):  # a^{(0)} defined as x: derivatives by it are by x
            if self.document.shapes.has_matrices:
                key, variable = self.symbols.canonical(key, variable)
            found = self.symbols.find(variable, key) if key not in self.scope.overrides else None
            if found is None:
                break
            definition, bound = found
            if definition.body.kind in ("matrix", "tuple") and all(c.kind == "symbol" for c in definition.body.args):
                return [self.symbols.key(cell, {**numbers, **bound}) for cell in definition.body.args]
            if definition.body.kind != "symbol" or definition.formals:
                break
            variable, numbers = definition.body, bound
            key = self.symbols.key(variable, numbers)
        return [key]

    def gradient(self, node: Node, numbers: Mapping[str, int]) -> Array:
        body = node.args[0]
        if len(node.args) > 1:
            return self.derivative_of(body, (node.args[1],), numbers)
        variables = self.variables_of(body)
        if not variables:
            raise UndecidedError("the variables of this gradient are not given")
        if len(variables) == 1:
            return self.derivative_of(body, (variables[0],), numbers)
        cells = [self.derivative(Node("derivative", (body, v), "partial"), numbers) for v in variables]
        return stacked(cells, "gradients with respect to vectors are not evaluated here")[:, :, None]

    def variables_of(self, body: Node) -> Sequence[Node]:
        """Return the variables of a function."""
        name = body.args[0] if body.kind == "call" else body
        if name.kind != "symbol":
            return ()
        if body.kind == "call" and len(body.args) > 2:
            return body.args[1:]
        here = self.scope.statement_index
        found = self.document.definitions_of(name, here)
        found.sort(key=lambda d: (d.statement_index >= here, abs(d.statement_index - here), -len(d.formals)))
        for formals in (definition.formals for definition in found):
            if len(formals) == 1:
                key = self.symbols.key(formals[0], {})
                inner = self.symbols.find(formals[0], key)
                if inner is not None and inner[0].body.kind in ("matrix", "tuple"):
                    return inner[0].body.args
            if formals:
                return formals
        return self.document.dependencies_of(name.base, here)

    def change(self, node: Node, numbers: Mapping[str, int]) -> Array:
        inner = node.args[0]
        if inner.kind != "symbol":
            raise UndecidedError("Δ is applied to something other than a symbol")
        key: Key = ("\\Delta " + inner.base, tuple((r, self.symbols.index_value(a, numbers)) for r, a in inner.indices))
        if key in self.scope.overrides:
            return self.scope.overrides[key]
        variables = self.variables_of(inner)
        if variables:
            moved: dict[Key, Array] = {}
            for variable in variables:
                value = self.evaluator.value(variable, numbers)
                after = value + self.change(Node("change", (variable,)), numbers)
                moved[self.symbols.key(variable, numbers)] = after
            later = self.evaluator.within(self.scope.inner(moved)).value(inner, numbers)
            return np.asarray(later - self.evaluator.value(inner, numbers))
        here = self.scope.statement_index
        if not self.document.dependencies_of(inner.base, here) or self.document.definitions_of(inner, here):
            known = self._by_definition(self.symbols.find(node, (inner.base, key[1])), key, {})
            if known is not None:
                return known
        return self.symbols.leaf(key)

    def _by_definition(self, found: Bound | None, key: Key, numbers: Mapping[str, int]) -> Array | None:
        """Return the value of a definition; None if there is none, or if it is being evaluated already."""
        if found is None or (found[0], key) in self.scope.active or len(self.scope.active) >= MAX_DEFINITIONS:
            return None
        with self.scope.entered((found[0], key)):
            return self.evaluator.value(found[0].body, {**numbers, **found[1]})

    def cost_gradient(self, node: Node, numbers: Mapping[str, int]) -> Array:
        inner = node.args[0]
        if inner.kind != "symbol":
            raise UndecidedError("the document does not say what this derivative is")
        key = self.symbols.key(inner, numbers)
        known = self._by_definition(self.symbols.find(node, key), key, numbers)
        if known is None:
            known = self.gradient_of_implied_loss(inner, key, numbers)
        if known is not None:
            return known
        cost = find_objective(self.document, self.scope.statement_index)
        if cost is None:
            raise UndecidedError("the document does not say of which cost this is the derivative")
        return self.derivative(Node("derivative", (cost, inner), "partial"), numbers)

    def gradient_of_implied_loss(self, inner: Node, key: Key, numbers: Mapping[str, int]) -> Array | None:
        """Return the derivative of the implied loss, scaled for parameters; None if a cost is defined."""
        losses = self.document.losses
        if not losses or self.has_computable_cost():
            return None
        about_batch = self.document.batch_from <= self.scope.statement_index
        implied = losses[about_batch] if len(losses) > 1 else next(iter(losses.values()))
        if self.document.shapes.has_matrices:
            key, inner = self.symbols.canonical(key, inner)

        def loss(evaluator: ScopedEvaluator) -> Array:
            z, y = evaluator.value(implied.inner, numbers), evaluator.value(implied.target, numbers)
            if implied.kind == "sigmoid":
                total = np.log1p(np.exp(z)) - elementwise(np.multiply, y, z)
            elif implied.kind == "identity":
                total = 0.5 * (z - y) ** 2
            else:
                axis = 2 if self.document.shapes.samples_in_rows else 1
                powers = np.log(np.exp(z).sum(axis=axis, keepdims=True))
                total = powers - elementwise(np.multiply, y, z)
                if z.ndim == 3:
                    total = total + (1 / z.shape[axis] - 1) * powers
            return np.asarray(total.sum(axis=(1, 2)) if total.ndim == 3 else total)

        found = self.by_key(loss, key, inner, numbers)
        if implied.scale is not None and self.symbols.find(inner, key) is None:  # a parameter
            found = elementwise(np.multiply, self.evaluator.value(implied.scale, numbers), found)
        return found

    def has_computable_cost(self) -> bool:
        """Return whether a cost is defined that can be evaluated."""
        statement_index = self.scope.statement_index
        mark = ("computable", statement_index)
        if mark not in self.document.memo:
            self.document.memo[mark] = False  # a cost that is made of its own derivatives is not computed by them
            cost, found = find_objective(self.document, statement_index), False
            try:
                if cost is not None:
                    self.evaluator.within(Scope(self.document, statement_index)).value(cost, {})
                    found = not is_vague(self.document, cost, statement_index)
            except NoValueError:
                pass
            self.document.memo[mark] = found
        return bool(self.document.memo[mark])

    def limit(self, node: Node, numbers: Mapping[str, int]) -> Array:
        body, target, variable = node.args
        if target.kind != "number":
            raise UndecidedError("only limits at a number are evaluated")
        is_change = variable.kind == "change"
        key = ("\\Delta " + variable.args[0].base, ()) if is_change else self.symbols.key(variable, numbers)
        rows: list[Array] = []
        for level in range(_LIMIT_LEVELS):
            value = np.full(POINTS, float(target.value) + _LIMIT_STEP / 2**level)
            rows.append(self.evaluator.within(self.scope.inner({key: value})).value(body, numbers))
        for order in range(1, _LIMIT_LEVELS):  # Neville's extrapolation to 0
            rows = [(2**order * rows[k + 1] - rows[k]) / (2**order - 1) for k in range(len(rows) - 1)]
        return rows[0]
