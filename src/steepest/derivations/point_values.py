"""Values of the quantities in a layered derivation at a random point, computed independently of the derivation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.derivations.layers import dense_layers
from steepest.derivations.notation import BRACKET, ELEMENT, FACTOR, INDEX, INDEX_SUM, PARTIAL, SAMPLE, SAMPLE_MEAN
from steepest.derivations.problem import PREDICTION, SHARE, TARGET, Problem
from steepest.engines.reference import compile_expressions
from steepest.errors import ShapeError
from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, DATA, PARAMETER, Expression, constant, leaf, substitute, with_args
from steepest.expressions.traversal import toposort

Array = NDArray[Any]
SAMPLES = 5
"""Samples of a check; no width of a narrowed layer equals it, so that a missing transpose shows in the shapes."""
_WIDTHS = (3, 4, 2)
_STEP = 1e-30


Named = tuple[Array, tuple[str, ...]]


def aligned(array: Array, named: tuple[str, ...], letters: list[str]) -> Array:
    """Return an array with one axis per letter, in their order, of length 1 where it does not depend on one."""
    if not letters:
        return array
    order = [named.index(letter) for letter in letters if letter in named]
    moved = array.transpose(order) if named else array
    shape = iter(moved.shape)
    return moved.reshape([next(shape) if letter in named else 1 for letter in letters])


def slopes(value: Array, places: Iterable[Any], run: Callable[[Array], Array]) -> list[Array]:
    """Return the derivatives of a function of an array with respect to some of its places, by complex steps."""
    found = []
    for place in places:
        moved = value.astype(complex)
        moved[place] += 1j * _STEP
        found.append(np.imag(run(moved)) / _STEP)
    return found


def evaluated(root: Expression, values: Mapping[str, Array], rows: int, dtype: str) -> Array:
    """Evaluate an expression by the reference engine."""
    arrays = {name: np.asarray(array, dtype=dtype) for name, array in values.items()}
    return np.asarray(compile_expressions([root], dtype)(arrays, rows)[0])


def inserted(root: Expression, value: Callable[[Expression], Array | None]) -> tuple[Expression, dict[str, Array]]:
    """Replace each node of one side that has a value by a name; return the side and the values of the names."""
    names: dict[Expression, Expression] = {}
    values: dict[str, Array] = {}
    for node in toposort([root], stop=lambda each: each.operation is PARTIAL):
        array, name = value(node), f"q{node.uid}"
        if array is not None:
            shape = array.shape[1:] if node.per_sample else array.shape
            names[node], values[name] = leaf(DATA if node.per_sample else PARAMETER, name, shape), array
    return substitute(root, names), values


class Truth:
    """Values at a random point, computed without the derivation."""

    def __init__(self, problem: Problem, random: np.random.Generator) -> None:
        self.problem = narrowed(problem)
        self.layers = self.problem.layers
        self.rows = SAMPLES
        self.numbers: dict[str, Array] = self._draw(random)
        self._jacobians: dict[tuple[str, str], Array] = {}
        self.turned = False

    def _draw(self, random: np.random.Generator) -> dict[str, Any]:
        """Draw numbers for the inputs, the parameters, the target and the sample weights."""
        found: dict[str, Any] = {}
        first = self.layers[0].below
        found[first.name] = random.normal(size=(self.rows, *first.shape))
        for layer in self.layers:
            for node in (layer.weight, layer.bias):
                if node is not None:
                    found[node.name] = random.normal(size=node.shape) * 0.7
        if self.problem.has_classes:
            found[TARGET] = random.integers(0, self.problem.width, size=self.rows).astype(float)
        elif self.problem.last.is_softmax:
            rows = random.random((self.rows, *self.problem.target))
            found[TARGET] = rows / rows.sum(axis=1, keepdims=True)
        else:
            found[TARGET] = random.random((self.rows, *self.problem.target))
        found["u"] = random.normal(size=())
        found[SHARE] = 0.5 + random.random(self.rows)
        return found

    # -- the model's own expressions -----------------------------------------------------------------------------

    def node(self, letter: str, number: int) -> Expression:
        """Return z or a of a layer, a parameter, ℓ or C, as the model computes it."""
        if letter == "ℓ":
            output = self.layers[-1].output
            return substitute(self.problem.loss, {leaf(DATA, PREDICTION, output.shape): output})
        if letter == "R":
            return self._penalty()
        if letter == "C" and number:
            return op.mean((self.layers[number - 1].output - leaf(DATA, self._target(number))) ** 2)
        if letter == "C":
            return op.mean(self.node("ℓ", 0)) + self._penalty()
        layer = self.layers[number - 1]
        if letter == "a" and number == 0:
            return self.layers[0].below
        found = {"z": layer.total, "a": layer.output, "w": layer.weight, "b": layer.bias}[letter]
        assert found is not None  # no equation holds a bias that is not there
        return found

    def _penalty(self) -> Expression:
        total = constant(0)
        for layer in self.layers:
            w = layer.weight
            for each in (self.problem.l1 * abs(w), self.problem.l2 / 2 * w**2):
                total = total + (op.sum_(each) if each.shape else each)
        return total

    def evaluate(self, root: Expression, given: Mapping[str, Array], dtype: str = "float64") -> Array:
        """Evaluate an expression at this point."""
        values = {**self.numbers, **given}
        rows = max((len(values[name]) for name in root.data), default=self.rows)
        return evaluated(root, values, rows, dtype)

    def array(self, letter: str, number: int) -> Array:
        """Return the value of a named quantity: samples first, axes of one neuron left out."""
        return self._squeezed(self.whole(letter, number))

    def whole(self, letter: str, number: int) -> Array:
        """Return the value of a named quantity: samples first, then its own axes."""
        if letter == "x":
            letter, number = "a", 0
        if letter == "y":
            # equations count classes from 1
            return self.numbers[TARGET] + np.float64(self.problem.has_classes)
        if letter in ("ω", "u"):
            return self.numbers[letter]
        if letter == "t":
            indicators: Array = self.numbers[TARGET][:, None] == np.arange(self.problem.width)
            return indicators.astype(float)
        if letter == "δ":
            return self.jacobian(("ℓ", 0), ("z", number))
        if letter == "g":
            return self._error_below(number)
        if letter == "e":
            return self.numbers[self._target(number)]
        return self.evaluate(self.node(letter, number), {})

    def _target(self, number: int) -> str:
        """Return the name of e of a layer, whose numbers are fixed when first asked for."""
        name = f"e{number}"
        if name not in self.numbers:
            self.numbers[name] = self.whole("a", number) - self._error_below(number)
        return name

    def _error_below(self, number: int) -> Array:
        """Return n times the derivative of the cost above with respect to this activation; a − y for the last."""
        if number == len(self.layers):
            return self.whole("a", number) - self.numbers[TARGET]
        return self.rows * self.jacobian(("C", number + 1), ("a", number))

    def _squeezed(self, array: Array) -> Array:
        return array.reshape([d for d in array.shape if d != 1])

    def jacobian(self, of: tuple[str, int], by: tuple[str, int]) -> Array:
        """Return ∂of/∂by by complex steps: the axes of ``of``, then those of ``by``, a shared sample axis once."""
        key = (f"{of}", f"{by}")
        if key not in self._jacobians:
            self._jacobians[key] = self._stepped(of, by)
        return self._jacobians[key]

    def _stepped(self, of: tuple[str, int], by: tuple[str, int]) -> Array:
        whole, part = self.node(*of), self.node(*by)
        stand_in = leaf(part.operation if part.name else (DATA if part.per_sample else PARAMETER), "(part)", part.shape)
        shifted = substitute(whole, {part: stand_in})
        value = self.evaluate(part, {})
        # One sample at a time only where samples are combined; elsewhere all are shifted at once.
        alone = part.per_sample and not whole.per_sample
        shape = (self.rows, *part.shape) if alone else part.shape
        places = np.ndindex(*shape) if alone else ((..., *place) for place in np.ndindex(*shape))
        found = slopes(value, places, lambda moved: self.evaluate(shifted, {"(part)": moved}, "complex128"))
        full = (self.rows, *whole.shape) if whole.per_sample else whole.shape
        stacked = np.stack([np.broadcast_to(each, full) for each in found], axis=-1)
        return stacked.reshape((*stacked.shape[:-1], *shape))

    # -- sides of equations in vectors and matrices --------------------------------------------------------------

    def array_value(self, root: Expression, level: int) -> Array:
        """Evaluate one side of an equation in vectors or matrices."""

        def value(node: Expression) -> Array | None:
            if node.operation is PARTIAL:
                return self._array_partial(node, level)
            return self._named(node, level) if node.name else None

        return self.evaluate(*inserted(root, value))

    def _array_partial(self, node: Expression, level: int) -> Array:
        of, by = ((letter.lower(), number) for letter, number in (self._place(n.name, level) for n in node.args))
        array = self.jacobian(("C", 0) if of[0] == "c" else of, by)
        return self._squeezed(array) if self.problem.is_chain else array

    def _named(self, node: Expression, level: int) -> Array:
        """Return the array of a name: a column for each sample if its layer is in square brackets."""
        letter, number = self._place(node.name, level)
        if letter == "1":
            return np.ones(self.rows)
        if letter in ("C", "R"):
            return self.whole(letter, 0)
        columns = "[" in node.name or (node.name in "XYT" and self.turned)
        if letter in ("dW", "db"):
            turned: Array = self.jacobian(("C", 0), (letter[1].lower(), number)).T
            return turned
        array = self.whole("δ" if letter in ("dZ", "Δ") else letter.lower(), number)
        if not node.per_sample and letter.lower() in ("y", "t") and array.ndim == 1 and not self.problem.is_chain:
            array = array[:, None]
        if self.problem.is_chain:
            return self._squeezed(array)
        return array.T if columns else array

    # -- sides of equations --------------------------------------------------------------------------------------

    def _place(self, name: str, level: int) -> tuple[str, int]:
        """Return letter and number of a layer of ``a^(l-1)``."""
        found = re.fullmatch(r"(.+)\^[(\[](.+)[)\]]", name)
        if found is None:
            return ("a" if name == "x" else name), 0
        label = found[2].replace("m", str(len(self.layers))).replace("l", str(level))
        number, *less = label.split("-") if "-" in label else label.split("+")
        sign = -1 if "-" in label else 1
        return found[1], int(number) + sign * sum(map(int, less))

    def lengths(self, sides: list[Expression], level: int) -> dict[str, int]:
        """Return the length of each index.

        Raises:
            ShapeError: an array has more or fewer axes than indices.
        """
        found: dict[str, int] = {}
        for node in toposort(sides):
            if node.operation is ELEMENT:
                shape = self.array(*self._place(node.args[0].name, level)).shape
                if len(shape) != len(node.attributes):
                    raise ShapeError(f"{node.args[0].name} has {len(shape)} axes and the indices {node.attributes}")
                found.update(zip(node.attributes, shape, strict=True))
        return found

    def value(self, root: Expression, level: int, lengths: Mapping[str, int]) -> Named:
        """Return the value of one side: an array and the indices of its axes."""
        found: dict[Expression, Named] = {}
        for node in toposort([root], stop=lambda each: each.operation in (ELEMENT, PARTIAL)):
            args = [found[arg] for arg in node.args if arg in found]
            found[node] = self._value_of(node, args, level, lengths)
        return found[root]

    def _value_of(self, node: Expression, args: list[Named], level: int, lengths: Mapping[str, int]) -> Named:
        row = node.operation
        if row is CONSTANT:
            return np.float64(node.value), ()  # type: ignore[return-value]
        if row is op.count:
            return np.float64(self.rows), ()  # type: ignore[return-value]
        if row is PARAMETER:
            return self.array(*self._place(node.name, level)), ()
        if row is ELEMENT:
            array, letters = self.array(*self._place(node.args[0].name, level)), node.attributes
            return _diagonal(array, tuple(map(str, letters)))
        if row is INDEX:
            letter = node.attributes[0]
            if letter not in lengths:
                raise ShapeError(f"the index {letter} belongs to no array")
            return np.arange(1.0, 1.0 + lengths[letter]), (letter,)
        if row is PARTIAL:
            return self._partial(node, level, lengths)
        if row is FACTOR:
            exponent = len(self.layers) - level
            return args[0][0] * 2.0**exponent, args[0][1]
        if row in (INDEX_SUM, SAMPLE_MEAN):
            letter = node.attributes[0] if row is INDEX_SUM else SAMPLE
            return _summed(args[0], letter, row is SAMPLE_MEAN)
        return self._applied(node, args)

    def _applied(self, node: Expression, args: list[Named]) -> Named:
        """Apply an operation of the table element by element."""
        letters = sorted({letter for _, named in args for letter in named})
        arrays = [aligned(array, named, letters) for array, named in args]
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        leaves = [leaf(DATA, f"u{k}") for k in range(len(arrays))]
        values = {f"u{k}": np.broadcast_to(a, shape).ravel() for k, a in enumerate(arrays)}
        if node.operation is BRACKET:
            flat = (values["u0"] == values["u1"]).astype(float)
        else:
            dtype = "complex128" if any(np.iscomplexobj(a) for a in arrays) else "float64"
            flat = self.evaluate(with_args(node, tuple(leaves)), values, dtype)
        return np.broadcast_to(flat, values["u0"].shape).reshape(shape), tuple(letters)

    def _partial(self, node: Expression, level: int, lengths: Mapping[str, int]) -> Named:
        of, by = node.args
        if of.operation is not ELEMENT and not of.name:
            return self._of_expression(of, by, level, lengths)
        (name_of, own), (name_by, other) = _named(of), _named(by)
        array = self._squeezed(self.jacobian(self._place(name_of, level), self._place(name_by, level)))
        # The Jacobian of two quantities with a sample axis has it once: no sample depends on another.
        return _diagonal(array, (*own, *(a for a in other if a != SAMPLE or SAMPLE not in own)))

    def _of_expression(self, of: Expression, by: Expression, level: int, lengths: Mapping[str, int]) -> Named:
        """Return ∂/∂by of an expression by complex steps, all else constant."""
        name, indices = _named(by)
        place = self._place(name, level)
        base = np.array(self.array(*place), dtype=float)
        inner = base.shape[1:] if SAMPLE in indices else base.shape
        letters = self.value(of, level, lengths)[1]
        places = ((..., *each) for each in np.ndindex(*inner))
        columns = slopes(base, places, lambda moved: _Shifted(self, place, moved).value(of, level, lengths)[0])
        stacked = np.stack(np.broadcast_arrays(*columns), axis=-1)
        stacked = stacked.reshape((*stacked.shape[:-1], *inner))
        return _diagonal(stacked, (*letters, *(letter for letter in indices if letter != SAMPLE)))


class _Shifted(Truth):
    """The same point with one quantity changed, and nothing that depends on it."""

    def __init__(self, truth: Truth, place: tuple[str, int], array: Array) -> None:
        self.problem, self.layers, self.rows = truth.problem, truth.layers, truth.rows
        self.numbers, self._jacobians = truth.numbers, truth._jacobians
        self._before, self._place_of, self._array = truth, place, array

    def array(self, letter: str, number: int) -> Array:
        """Return the changed array, or one of the original point."""
        changed = ("a", 0) if self._place_of[0] == "x" else self._place_of
        asked = ("a", 0) if letter == "x" else (letter, number)
        return self._array if asked == changed else self._before.array(letter, number)


def _diagonal(array: Array, letters: tuple[str, ...]) -> Named:
    """Label the axes of an array with indices; axes of one index are read along their diagonal."""
    unique = tuple(dict.fromkeys(letters))
    if array.ndim != len(letters):
        raise ShapeError(f"an array of {array.ndim} axes has the indices {letters}")
    codes = [unique.index(letter) for letter in letters]
    return np.einsum(array, codes, list(range(len(unique)))), unique


def _named(node: Expression) -> tuple[str, tuple[str, ...]]:
    """Return name and indices of an element, or of a number with a name."""
    if node.operation is ELEMENT:
        return node.args[0].name, tuple(map(str, node.attributes))
    return node.name, ()


def _summed(body: Named, letter: str, mean: bool) -> Named:
    array, letters = body
    axis = letters.index(letter)
    found = array.mean(axis=axis) if mean else array.sum(axis=axis)
    return found, tuple(each for each in letters if each != letter)


def narrowed(problem: Problem) -> Problem:
    """Return the problem with fewer inputs and hidden neurons; the outputs stay, for the loss counts them."""
    hidden = (min(layer.size, _WIDTHS[layer.number % 2 + 1]) for layer in problem.layers[:-1])
    widths = [min(problem.layers[0].inputs, _WIDTHS[0]), *hidden, problem.width]
    first = problem.layers[0].below
    replaced = {first: leaf(DATA, first.name, (widths[0],) if first.shape else ())}
    for layer, lengths in zip(problem.layers, pairwise(widths), strict=True):
        for node in (layer.weight, layer.bias):
            if node is not None:
                replaced[node] = leaf(PARAMETER, node.name, lengths[2 - len(node.shape) :])
    layers = dense_layers(substitute(problem.last.output, replaced))
    assert layers is not None  # only lengths have changed
    return replace(problem, layers=layers)
