"""Initial values of parameters where the user gives none.

The variance of a layer's matrix follows from its shape and the activation, so that activations and gradients neither
grow nor vanish from layer to layer; the bias of a layer is 0. Single numbers and other vectors have the standard
deviation 1/2, a convention: no theory covers parameters outside layers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from steepest.errors import DescentError
from steepest.expressions import operations as op
from steepest.expressions.expression import PARAMETER, Expression, Operation, Shape, toposort
from steepest.expressions.traversal import memoised
from steepest.messages.hints import nearest
from steepest.messages.numbers import whole
from steepest.messages.registry import Registry
from steepest.training.starts import range_of, stream

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from steepest.training.bounds import Bounds

Values = dict[str, Any]
Scheme = str | Mapping[str, str]
Draw = Callable[["np.random.Generator"], "NDArray[np.float64]"]

_RECTIFIERS, _SUMS = {op.relu, op.leaky_relu, op.maximum}, (op.add, op.subtract)
_NORMAL = re.compile(r"normal\(\s*((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?)\s*\)")
_DEVIATION = 0.5


def _normal(deviation: float, shape: Shape) -> Draw:
    return lambda rng: rng.normal(0, deviation, shape)


def _glorot(shape: Shape, fans: tuple[int, int]) -> Draw:
    bound = math.sqrt(6 / sum(fans))
    return lambda rng: rng.uniform(-bound, bound, shape)


def _zeros(shape: Shape, fans: tuple[int, int]) -> Draw:
    import numpy as np

    return lambda rng: np.zeros(shape)


Scale = Callable[[Shape, tuple[int, int]], Draw]

SCHEMES: Registry[Scale] = Registry("scheme of initial values", DescentError, "or normal(σ) with a number")
"""Every scheme by its name: a function of a parameter's shape and its fans (numbers of inputs and outputs)."""
SCHEMES.add("glorot", _glorot, "uniform, for tanh and sigmoid (Glorot and Bengio 2010, eq. 16)")
SCHEMES.add("glorot_normal", lambda shape, fans: _normal(math.sqrt(2 / sum(fans)), shape),
            "normal with the variance of their eq. 12")  # fmt: skip
SCHEMES.add("he", lambda shape, fans: _normal(math.sqrt(2 / fans[0]), shape),
            "normal, for rectifiers (He et al. 2015, eq. 10)")  # fmt: skip
SCHEMES.add("lecun", lambda shape, fans: _normal(math.sqrt(1 / fans[0]), shape), "normal (LeCun et al. 1998, eq. 16)")
SCHEMES.add("zeros", _zeros, "0, for every parameter")
SCHEMES.add("normal", lambda shape, fans: _normal(_DEVIATION, shape), "standard deviation 1/2, for every parameter")


def _drawing(scheme: str, shape: Shape, fans: tuple[int, int]) -> Draw:
    given = _NORMAL.fullmatch(scheme)
    return _normal(float(given[1]), shape) if given else SCHEMES[scheme](shape, fans)


def _check_scheme(scheme: object, place: str = "") -> str:
    if isinstance(scheme, str) and _NORMAL.fullmatch(scheme):
        return scheme
    return SCHEMES.name_of(scheme, place)


class Initial:
    """The distributions of a cost's parameters, determined once and then drawn from many seeds.

    The schemes ``zeros`` and ``normal`` apply to every parameter, others to the matrices of layers only.

    >>> from steepest.expressions.expression import data, params
    >>> X, W, b = data("X", shape=2), params("W", shape=(2, 3)), params("b", shape=3)
    >>> start = Initial(op.mean(op.sum_(op.tanh(X @ W + b))))
    >>> start.schemes
    {'W': 'glorot', 'b': 'zeros'}
    >>> start.draw(seed=1)["b"]
    array([0., 0., 0.])
    """

    def __init__(self, cost: Expression, scheme: Scheme | None = None) -> None:
        self.shapes = {node.name: node.shape for node in cost.leaves if node.operation is PARAMETER}
        found, fans = _default_schemes(cost)
        self.schemes = dict(found)
        if isinstance(scheme, Mapping):
            for name, each in scheme.items():
                self._refuse_other(name, "initial has a scheme for")
                self.schemes[name] = _check_scheme(each, f" for {name!r}")
        elif scheme is not None:
            chosen = _check_scheme(scheme)
            all_of_them = chosen == "zeros" or chosen.startswith("normal")
            self.schemes |= {name: chosen for name, shape in self.shapes.items() if all_of_them or len(shape) == 2}
        self._draws = {name: _drawing(self.schemes[name], shape, fans[name]) for name, shape in self.shapes.items()}

    def _refuse_other(self, name: str, begins: str) -> None:
        if name not in self.shapes:
            raise DescentError(
                f"{begins} {name!r}, which is not a parameter of the cost{nearest(str(name), self.shapes)}; "
                f"its parameters are {', '.join(self.shapes) or 'none'}"
            )

    def draw(
        self, seed: int = 0, start: Mapping[str, Any] | None = None, what: str = "start", bounds: Bounds = ()
    ) -> Values:
        """Draw the parameters, except those in ``start``, whose name in messages is ``what``; see :func:`initial`.

        Giving one parameter, or its range, does not change the others.
        """
        whole("seed", seed, 0, DescentError)
        given = dict(start or {})
        for name in given:
            self._refuse_other(name, f"{what} has")
        import numpy as np

        from steepest.tables.values import fit_shape, number_array

        rng = np.random.default_rng(int(seed))
        params: Values = {}
        for name, shape in self.shapes.items():
            params[name] = np.asarray(self._draws[name](rng))  # drawn even if given, so that later ones stay the same
            if name not in given:
                continue
            if (drawn := self._from_range(name, given[name], int(seed), what, bounds)) is not None:
                params[name] = drawn
                continue
            params[name] = fit_shape(name, number_array(name, given[name], "float64"), shape)
            if not np.all(np.isfinite(params[name])):
                raise DescentError(f"{what} has a value of {name!r} that is not finite; give finite numbers")
        return params

    def _from_range(self, name: str, given: Any, seed: int, what: str, bounds: Bounds) -> NDArray[np.float64] | None:
        """Return a parameter that is drawn from a range; None if a value is given."""
        found = range_of(name, given, self.shapes[name], what)
        if found is None:
            return None
        for low, high in ((low, high) for bounded, low, high in bounds if bounded == name):
            inside = found.within(low, high)
            if inside is None:
                raise DescentError(
                    f"the range of {name!r} in {what}, {found.low:g} to {found.high:g}, has no part within its bounds "
                    f"{low:g} and {high:g}; change one of them"
                )
            found = inside
        return found.draw(stream(seed, name), self.shapes[name])


def initial(
    cost: Expression, start: Mapping[str, Any] | None = None, seed: int = 0, what: str = "start",
    scheme: Scheme | None = None, bounds: Bounds = (),
) -> Values:  # fmt: skip
    """Return the parameters to start from: those given, the others drawn from the seed.

    A matrix W of a layer, as in X @ W, is drawn by He's scheme before a rectifier (relu, leaky_relu, max), N(0, 2/d)
    for d inputs, and else by Glorot's, U(±√(6/(d + h))) for h outputs; a vector added to such a product is 0; numbers
    and other vectors are drawn from N(0, 1/4), with the standard deviation 1/2.

    Args:
        cost: an expression with parameters.
        start: parameters that are not drawn so: a number or an array by name, or a range (low, high), also as a text
            ``"low:high"``. From a range each element is drawn by itself, log-uniform if both ends are positive or
            both are negative, else uniform.
        seed: a whole number from 0.
        what: the name of ``start`` in messages.
        scheme: ``"glorot"``, ``"glorot_normal"``, ``"he"``, ``"lecun"``, ``"zeros"``, ``"normal"`` or
            ``"normal(0.1)"`` in place of these, or a mapping from some parameters to such names; see
            :class:`Initial`.
        bounds: lowest and highest values, as ``read_bounds`` of ``steepest.training.bounds`` returns them, within which
            values are drawn from ranges.

    Returns:
        name to float64 array of the parameter's shape.

    Raises:
        DescentError: a name is not a parameter, a value is not finite, a range is empty or outside of its bounds, or
            the seed or scheme is invalid.

    >>> from steepest.expressions.expression import data, params
    >>> W = params("W", shape=(2, 3))
    >>> float(abs(initial(op.mean(op.sum_(data("X", shape=2) @ W)))["W"]).max()) <= (6 / 5) ** 0.5
    True

    Source: Glorot and Bengio 2010, eqs 12 and 16; He et al. 2015, eq. 10; LeCun et al. 1998, eq. 16.
    """
    return Initial(cost, scheme).draw(seed, start, what, bounds)


@memoised
def _default_schemes(cost: Expression) -> tuple[Mapping[str, str], Mapping[str, tuple[int, int]]]:
    """Return the scheme of each parameter by its role in the cost, and its fans."""
    users: dict[Expression, list[Expression]] = {}
    for node in toposort([cost]):
        for arg in dict.fromkeys(node.args):
            users.setdefault(arg, []).append(node)
    schemes, fans = {}, {}
    for node in (leaf for leaf in cost.leaves if leaf.operation is PARAMETER):
        fans[node.name], product = _fans(node, users)
        if len(node.shape) == 2:
            rectified = product is not None and _operations_on(product, users) & _RECTIFIERS
            schemes[node.name] = "he" if rectified else "glorot"
        else:
            schemes[node.name] = "zeros" if _shifts_a_layer(node, users) else "normal"
    return schemes, fans


Users = Mapping[Expression, list[Expression]]


def _fans(node: Expression, users: Users) -> tuple[tuple[int, int], Expression | None]:
    """Return how many inputs and outputs a parameter connects, and the product in which it does."""
    shape = node.shape
    for user in users.get(node, ()):
        used = node
        while user.operation is op.transpose and users.get(user):
            used, user = user, users[user][0]
        if user.operation is op.matmul and len(shape) == 2:
            inputs, outputs = used.shape if user.args[1] is used else used.shape[::-1]
            return (inputs, outputs), user
        if user.operation in (op.matmul, op.dot):
            return (shape[0], 1), user
    if len(shape) == 2:
        return (shape[0], shape[1]), None
    return (1, shape[0] if shape else 1), None


def _operations_on(product: Expression, users: Users) -> set[Operation]:
    """Return the operations on a product, after its biases are added."""
    found: set[Operation] = set()
    pending, seen = [product], {product}
    while pending:
        for user in users.get(pending.pop(), ()):
            if user.operation in _SUMS and user not in seen:
                seen.add(user)
                pending.append(user)
            elif user.operation is op.multiply and any(arg.operation.name == "constant" for arg in user.args):
                found |= {each.operation for each in users.get(user, ())}  # the product 0.1·z in max(0.1·z, z)
            else:
                found.add(user.operation)
    return found


def _shifts_a_layer(node: Expression, users: Users) -> bool:
    """Return whether a vector is only added to products with a matrix of parameters."""
    sums = users.get(node, []) if node.shape else []
    return bool(sums) and all(user.operation in _SUMS and any(map(_is_layer, user.args)) for user in sums)


def _is_layer(node: Expression) -> bool:
    return node.operation is op.matmul and any(len(arg.shape) == 2 and not arg.per_sample for arg in node.args)
