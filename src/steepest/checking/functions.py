"""Check gradients of functions that are not formulas: of NumPy, JAX and PyTorch, and programs that print numbers.

Of such a function only values are known. Its derivative along an element or a direction is a central difference whose
step is chosen by itself; the round-off is measured, by extended precision where the function keeps it, else by the
irregularity of values at close points. Where that does not decide, the verdict is *inconclusive*.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.checking.finite_differences import Difference, automatic_difference, noise_near
from steepest.checking.judging import HIDDEN, NOT_FINITE, Given, Judgement, agrees
from steepest.checking.report import CORRECT, INCONCLUSIVE, KINK, SEVERITY, WRONG, Report, Verdict
from steepest.errors import GradientError
from steepest.messages.hints import nearest
from steepest.messages.sentences import in_python

Array = NDArray[Any]
Way = tuple[int, ...] | Array
Function = Callable[[Any], Any]

ALONE = "x"
"""The name of the argument of a function that takes one array instead of a dict."""

_MOST_ELEMENTS = 256  # that are looked at one by one
_DIRECTIONS = 8  # along which larger arrays are looked at


def _module(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def to_numbers(value: Any) -> Array:
    """Return an array of NumPy, JAX or PyTorch, or a number, as a NumPy array."""
    if _module(value) == "torch":
        value = value.detach().cpu().numpy()
    return np.asarray(value)


class Point:
    """The point at which a function is checked: one array, or a dict of arrays, of NumPy, JAX or PyTorch.

    Args:
        at: the point as it is given.
        wrt: the arguments that vary; all if left out.
    """

    def __init__(self, at: Any, wrt: Collection[str] | None = None) -> None:
        self._alone = not isinstance(at, Mapping)
        self._given: dict[str, Any] = {ALONE: at} if self._alone else dict(at)
        for name in wrt or ():
            if name not in self._given:
                raise GradientError(f"{name!r} is not an argument of the function{nearest(name, self._given)}")
        self.arrays: dict[str, Array] = {}
        for name, value in self._given.items():
            if wrt is not None and name not in wrt:
                continue  # a constant, such as data, which the function gets as it is
            array = to_numbers(value)
            if array.dtype.kind not in "iuf":
                raise GradientError(f"the value of {name!r} is not a number or an array of numbers; give it as floats")
            if not array.size:
                raise GradientError(f"the value of {name!r} is an empty array; there is nothing to check")
            self.arrays[name] = array if array.dtype in (np.float32, np.float64) else array.astype(float)

    @property
    def is_numpy(self) -> bool:
        """Whether the function gets NumPy arrays."""
        return not {_module(value) for value in self._given.values()} & {"jax", "jaxlib", "torch"}

    def argument(self, arrays: Mapping[str, Array]) -> Any:
        """Return what the function is called with for some values of its arguments."""
        made = {name: _like(self._given[name], np.array(array)) for name, array in arrays.items()}
        return made[ALONE] if self._alone else {**self._given, **made}

    def named(self, gradient: Any) -> dict[str, Array]:
        """Return the parts of a gradient by name."""
        parts = {ALONE: gradient} if self._alone and not isinstance(gradient, Mapping) else gradient
        if not isinstance(parts, Mapping):
            raise GradientError("the function takes a dict, so its gradient must be a dict of arrays by name, too")
        found = {}
        for name, array in self.arrays.items():
            if name not in parts:
                raise GradientError(
                    f"the gradient has no partial derivative with respect to {name!r}{nearest(name, parts)}"
                )
            part = to_numbers(parts[name])
            if part.size != array.size:
                raise GradientError(
                    f"the partial derivative with respect to {name!r} has the shape {part.shape}, "
                    f"and {name!r} the shape {array.shape}; they must be the same"
                )
            found[name] = part.reshape(array.shape)
        return found

    def derived(self, function: Function) -> Any:
        """Return the gradient by the library whose arrays the point is made of.

        Raises:
            GradientError: they are NumPy's, which has none.
        """
        modules = {_module(value) for value in self._given.values()}
        if modules & {"jax", "jaxlib"}:
            import jax

            return jax.grad(function)(self.argument(self.arrays))
        if "torch" in modules:
            argument = self.argument(self.arrays)
            tensors = [argument] if self._alone else list(argument.values())
            for tensor in tensors:
                tensor.requires_grad_()
            function(argument).backward()
            parts = [tensor.grad if tensor.grad is not None else 0 * tensor for tensor in tensors]
            return parts[0] if self._alone else dict(zip(argument, parts, strict=True))
        raise GradientError("a function of NumPy arrays has no gradient of its own; give it as the second argument")


def _like(given: Any, array: Array) -> Any:
    """Return an array as one of the library that the given value is of."""
    module = _module(given)
    if module == "torch":
        import torch

        return torch.from_numpy(np.array(array)).to(given.dtype)
    if module in ("jax", "jaxlib"):
        import jax.numpy as jnp

        return jnp.asarray(array)
    return array if np.ndim(given) or isinstance(given, np.ndarray) else array[()]


class FunctionLine:
    """A function along a line through its point, with its round-off as measured.

    Args:
        function: from what the point gives to a number.
        point: the point.
        name: the argument that varies.
        way: the index of an element, or a direction of the argument's shape.
    """

    enough = 1e-9  # as each value may take long

    def __init__(self, function: Function, point: Point, name: str, way: Way) -> None:
        self._function, self._point, self._name = function, point, name
        base = point.arrays[name]
        self.dtype = base.dtype
        if isinstance(way, tuple):
            self.direction = np.zeros(base.shape, base.dtype)
            self.direction[way] = 1
            self.size = abs(float(base[way]))
        else:
            self.direction = way.astype(base.dtype)
            self.size = float(np.max(np.abs(base), initial=0.0))
        self._element = isinstance(way, tuple)
        self._measured: float | None = None

    def _at(self, distance: Any, dtype: Any = None) -> Any:
        arrays = self._point.arrays
        if dtype is not None:
            arrays = {name: array.astype(dtype) for name, array in arrays.items()}
        moved = arrays[self._name] + arrays[self._name].dtype.type(distance) * self.direction
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            return self._function(self._point.argument({**arrays, self._name: moved}))

    def value(self, distance: float) -> float:
        """Return the function at a distance."""
        try:
            found = to_numbers(self._at(distance))
        except (ArithmeticError, ValueError, GradientError):
            if not distance:
                raise
            return np.nan  # beyond the domain of a function that raises, as math.log does
        if found.dtype.kind not in "biuf":
            raise GradientError(f"the function returns {found.dtype.name} values, and a gradient needs a real number")
        if found.size != 1:
            raise GradientError(
                f"the function returns an array of the shape {found.shape}, and a gradient needs a number; "
                "take its mean, total or sum"
            )
        return float(found.reshape(-1)[0])

    def exact(self, distance: float) -> float:
        """Return the distance that results when it is added in floating point."""
        if not self._element:
            return distance
        base = self._point.arrays[self._name]
        moved = base + base.dtype.type(distance) * self.direction
        return float(((moved - base) * self.direction).sum())

    def round_off(self, distance: float = 0.0) -> float:
        """Return the round-off of the function near the point."""
        if self._measured is None:
            self._measured = self._measure()
        eps = float(np.finfo(self.dtype).eps)
        here = abs(self.value(distance))
        return max(self._measured, eps * here) if np.isfinite(here) else np.inf

    def _measure(self) -> float:
        eps = float(np.finfo(self.dtype).eps)
        coarse = self._coarseness()
        if coarse:
            return coarse
        if self._point.is_numpy and self.dtype == np.float64 and np.finfo(np.longdouble).eps < eps / 100:
            found = self._beside_extended(max(self.size, 1.0))
            if found is not None:
                return found
        # Points too far apart show how the function varies, which is no round-off.
        measured = [noise_near(self.value, scale, eps) for scale in {1.0, max(self.size, 1.0)}]
        return min((each for each in measured if np.isfinite(each)), default=0.0)

    def _coarseness(self) -> float:
        """Return the distance of the values that the function takes if it is rounded more coarsely than its argument.

        At irregular points near each other a smooth function has no two equal values, unless it has all equal.
        """
        for power in range(-9, 0):
            scale = 10.0**power * max(self.size, 1.0)
            values = np.array([self.value(scale * k * (1 + 0.0137 * k) / 400) for k in range(1, 21)])
            values = values[np.isfinite(values)]
            distinct = np.unique(values)
            if len(distinct) > 1:
                break
        else:
            return 0.0
        coarse = float(np.min(np.diff(distinct))) if len(distinct) < len(values) else 0.0
        if self.dtype == np.float64 and np.array_equal(values.astype(np.float32), values):
            coarse = max(coarse, float(np.finfo(np.float32).eps * np.max(np.abs(values))))
        return coarse

    def _beside_extended(self, scale: float) -> float | None:
        """Return how far values are from those in extended precision; None if the function does not keep that."""
        worst = 0.0
        for k in range(-3, 4):
            distance = 0.0137 * k * scale
            try:
                extended = np.asarray(self._at(distance, np.longdouble))
            except Exception:
                return None
            if extended.dtype != np.longdouble or extended.size != 1:
                return None
            exactly = extended.reshape(-1)[0]
            # The longer number is moved exactly; the shorter one is rounded, which is no error of the function.
            if self._element and k:
                distance = self.exact(distance)
                exactly = np.asarray(self._at(distance, np.longdouble)).reshape(-1)[0]
            worst = max(worst, 2 * abs(float(exactly - self.value(distance))))
        return worst if np.isfinite(worst) else None


def check_function(
    function: Function, gradient: Any, at: Any, directions: int | None, seed: int, wrt: Any = None
) -> Report:
    """Check the gradient of a function that is not a formula; see :func:`steepest.check`."""
    if directions is not None and (not isinstance(directions, int) or directions < 1):
        raise GradientError(f"directions is a whole number from 1 on, not {in_python(directions)}")
    point = Point(at, wrt)
    found = point.derived(function) if gradient is None else gradient
    tested = point.named(found(point.argument(point.arrays)) if callable(found) else found)
    rng = np.random.default_rng(seed)
    rows = []
    for name in point.arrays if wrt is None else wrt:
        ways = _ways(point.arrays[name].shape, directions, rng)
        verdicts = [_along(function, point, name, way, tested[name]) for way in ways]
        rows.append(_summary(verdicts, ways, point.arrays[name].size))
    return Report(tuple(rows))


def _ways(shape: tuple[int, ...], directions: int | None, rng: np.random.Generator) -> list[Way]:
    size = int(np.prod(shape, dtype=int))
    few = _MOST_ELEMENTS if directions is None else directions
    if size <= few:
        return list(np.ndindex(shape))
    return [rng.choice([-1.0, 1.0], shape) for _ in range(directions or _DIRECTIONS)]


def _summary(verdicts: list[Verdict], ways: list[Way], size: int) -> Verdict:
    worst = max(verdicts, key=lambda v: (SEVERITY.index(v.verdict), abs(v.given - v.expected)))
    if not worst.ok or size == 1:
        return worst
    seen = f"all {size} elements" if isinstance(ways[0], tuple) else f"{len(ways)} random directions of {size} elements"
    return Verdict(
        worst.name, worst.verdict, worst.given, worst.expected, worst.error, None, f"{seen}; shown: {worst.detail}"
    )


def _along(function: Function, point: Point, name: str, way: Way, tested: Array) -> Verdict:
    line = FunctionLine(function, point, name, way)
    unit = float(np.finfo(tested.dtype if tested.dtype.kind == "f" else float).eps)
    if isinstance(way, tuple):
        given = Given(float(tested[way]), unit=unit)
    else:
        terms = float(np.abs(way * tested).sum())
        given = Given(float((way * tested.astype(float)).sum()), unit * terms, unit=unit, terms=terms)
    judged = _judged(line, given, float(np.max(np.abs(tested), initial=0.0)) if tested.size > 1 else 0.0)
    place = (f"element {list(way)}" if way else "") if isinstance(way, tuple) else "a random direction"
    detail = "; ".join(part for part in (place, judged.detail) if part)
    return Verdict(name, judged.verdict, given.value, judged.against.value, judged.against.error, None, detail)


def _judged(line: FunctionLine, given: Given, largest: float) -> Judgement:
    if not np.isfinite(line.value(0.0)):
        return Judgement(INCONCLUSIVE, Difference(np.nan, np.inf, np.nan), NOT_FINITE)
    found = automatic_difference(line)
    if not np.isfinite(given.value):
        verdict = WRONG if np.isfinite(found.error) else INCONCLUSIVE
        return Judgement(verdict, found, "the partial derivative is not a finite number")
    if _bends(line, found):
        kink = _kink(given, automatic_difference(line, "backward"), automatic_difference(line, "forward"))
        if kink is not None:
            return kink
    agreed = agrees(given, found)
    if agreed is None and _vanishes(line, given, found, largest):
        return Judgement(CORRECT, found, f"0 within {found.error:.0e}")
    if agreed is None:
        return Judgement(INCONCLUSIVE, found, HIDDEN)
    return Judgement(CORRECT if agreed else WRONG, found)


def _bends(line: FunctionLine, found: Difference) -> bool:
    """Return whether the point may be a kink: the second difference over the step does not shrink with the step."""
    if not np.isfinite(found.error):
        return True
    here = line.value(0.0)
    bends = []
    for step in (found.step, found.step / 8):
        bends.append(abs(line.value(step) - 2 * here + line.value(-step)) / step)
    return not bends[1] <= max(0.5 * bends[0], 16 * line.round_off() / found.step)


def _vanishes(line: FunctionLine, given: Given, found: Difference, largest: float) -> bool:
    """Return whether a derivative is 0 as far as differences can tell.

    It must be far below the change of the function over a large step; or all differences must be 0, and their error bar
    far below the largest element of the gradient.
    """
    scale = max(line.size, 1.0)
    here, ends = line.value(0.0), (line.value(0.25 * scale), line.value(-0.25 * scale))
    change = max((abs(end - here) for end in ends if np.isfinite(end)), default=0.0) / scale
    single = given.unit > 1e-8
    small = max((1e-4 if single else 1e-9) * change, (1e-3 if single else 1e-5) * largest if found.value == 0 else 0.0)
    return given.value == 0 and abs(found.value) <= 5 * found.error <= small


def _kink(given: Given, left: Difference, right: Difference) -> Judgement | None:
    """Judge a number where the one-sided derivatives differ; None if they do not, or are not known."""
    size = max(abs(left.value), abs(right.value))
    error = left.error + right.error
    if not np.isfinite(error) or abs(left.value - right.value) <= max(10 * error, 1e-6 * size):
        return None
    low, high = sorted((left.value, right.value))
    against = Difference((low + high) / 2, (high - low) / 2, right.step)
    sides = f"the slope jumps from {left.value:.10g} to {right.value:.10g} at this point"
    slack = 5 * error + given.tolerance(size)
    if low - slack <= given.value <= high + slack:
        return Judgement(KINK, against, sides)
    return Judgement(WRONG, against, f"{sides}, and the gradient is neither of them nor between")
