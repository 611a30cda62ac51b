"""The table of operations: everything about an operation except its implementations in the backends.

An entry holds partial derivatives as expressions of the arguments and the result ``r``, how the operation is
written, where it is defined, where it has kinks, and its ``expansion`` into primitives. A primitive has none; the
reference engine defines it. Parsing, printing, gradients, derivations, checks, tests and ``steepest ops`` iterate
the table.

Sources: DLMF is the NIST Digital Library of Mathematical Functions, release 1.2; Griewank and Walther 2008 is
*Evaluating Derivatives*, 2nd ed.; Giles 2008 is *Collected matrix derivative results for forward and reverse mode
algorithmic differentiation*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from operator import ge, le
from typing import Any

from steepest.expressions import printing, shapes
from steepest.expressions.expression import OPERATIONS, Expression, Operation
from steepest.expressions.printing import ATOM, COMPARISON, POWER, PRODUCT, SIGN, SUM, Template, call, escaped, infix

# Operations that are used above their own definition have a type annotation, which mypy needs.

FUNCTIONS: dict[str, Operation] = {}
"""Every operation by the names and aliases that formulas use; an operation that is added later is found, too."""

_EXTREME = 1000
"""Beyond it, the exponential of a number is 0 or infinite, in every precision."""

REAL = (-inf, inf)
POSITIVE = (0.0, inf)


def operation(name: str, arity: int, meaning: str, **fields: Any) -> Operation:
    """Add an operation to the table; by default it is written as a function call."""
    fields.setdefault("text", call(name, arity, attributes=bool(fields.get("attributes"))))
    fields.setdefault("latex", latex_call(rf"\operatorname{{{name.replace('_', chr(92) + '_')}}}", arity))
    fields.setdefault("domain", (REAL,) * arity)
    fields.setdefault("rule", f"derivative of {name}")
    made = OPERATIONS[name] = Operation(name, arity, meaning, **fields)
    FUNCTIONS.update(dict.fromkeys((name, *made.aliases), made))
    printing.FUNCTION_NAMES.update((name, *made.aliases))
    return made


def _hypot(x: Expression, y: Expression) -> Expression:
    """Return the larger of |x| and |y| times √(1 + q²), where q is the smaller over the larger."""
    a, b = absolute(x), absolute(y)
    long = maximum(a, b)
    q = minimum(a, b) / where(long, long, 1)
    return long * sqrt(1 + q * q)


def lost(x: Expression, y: Expression) -> Expression:
    """Return what rounding takes from x − y (Knuth 1997, 4.2.2, theorem B): add it to the result to have it exactly.

    It is 0 where an exponential of the difference is 0 or infinite.
    """
    difference = x - y
    rest = x - difference
    return where(absolute(difference) < _EXTREME, (x - (difference + rest)) + (rest - y), 0)


def _below_largest(x: Expression) -> tuple[Expression, Expression]:
    """Return d = x less the largest feature, rounded, and exp(d), which has what rounding took from d added.

    Only if x is given: what is computed is as inexact as d.
    """
    d = x - largest(x)
    e = exp(d)
    return d, e if x.args else e + e * lost(x, largest(x))  # one rounding, where e·(1 + …) has two


def _shares(x: Expression) -> Expression:
    """Return exp(x) over the sum of exp(x)."""
    e = _below_largest(x)[1]
    return e / sum_(e)


def log_of_shares(x: Expression) -> Expression:
    """Return log(Σ exp(d)) for d = x less the largest feature, exact if the others are far below.

    Where d is 0, exp(d) is 1 + d to first order, which keeps the derivatives of this form right, too.
    """
    d, e = _below_largest(x)
    return log1p(sum_(where(d, e, d)) + (sum_(where(d, 0, 1)) - 1))


def latex_call(sign: str, arity: int) -> Template:
    places = ", ".join(f"{{{k}}}" for k in range(arity))
    return Template(escaped(sign) + rf"\left({places}\right)")


# -- arithmetic ----------------------------------------------------------------------------------------------

add = operation(
    "add", 2, "x + y",
    partials=(lambda x, y, r: 1, lambda x, y, r: 1),
    text=infix(" + ", SUM), latex=infix(" + ", SUM), rule="sum rule", source="DLMF 1.4.8",
    differential=lambda x, y, dx, dy: dx + dy,
)  # fmt: skip
subtract = operation(
    "subtract", 2, "x − y",
    partials=(lambda x, y, r: 1, lambda x, y, r: -1),
    text=infix(" - ", SUM), latex=infix(" - ", SUM), maths=infix(" − ", SUM),
    rule="sum rule", source="DLMF 1.4.8", differential=lambda x, y, dx, dy: dx - dy,
)  # fmt: skip
multiply = operation(
    "multiply", 2, "x · y",
    partials=(lambda x, y, r: y, lambda x, y, r: x), bilinear=True,
    text=infix("*", PRODUCT), latex=infix(r" \cdot ", PRODUCT), maths=infix("·", PRODUCT),
    rule="product rule", source="DLMF 1.4.9", differential=lambda x, y, dx, dy: dx * y + x * dy,
)  # fmt: skip
divide = operation(
    "divide", 2, "x ÷ y",
    partials=(lambda x, y, r: 1 / y, lambda x, y, r: -(1 / y * r)), domain=(REAL, POSITIVE),
    text=infix("/", PRODUCT), latex=Template(r"\frac{{{0}}}{{{1}}}", POWER),
    rule="quotient rule", edges="x/0 is ±∞, 0/0 is NaN", source="DLMF 1.4.10",
    differential=lambda x, y, dx, dy: (dx * y - x * dy) / y**2,
)  # fmt: skip
negate = operation(
    "negate", 1, "−x",
    partials=(lambda x, r: -1,), linear=True,
    text=Template("-{0}", SIGN, (SIGN,)), latex=Template("-{0}", SIGN, (SIGN,)),
    maths=Template("−{0}", SIGN, (SIGN,)), rule="constant factor rule", differential=lambda x, dx: -dx,
)  # fmt: skip
power = operation(
    "power", 2, "x to the power y",
    partials=(
        lambda x, y, r: y * x ** (y - 1) if y.value != 0 else 0,  # x^0 is 1 for every x, also for 0
        lambda x, y, r: r * log(where(equal(x, 0), 1, x)),
    ),
    domain=(POSITIVE, REAL), flops=3,  # a logarithm, a product and an exponential
    text=Template("{0}^{1}", POWER, (POWER + 1, SIGN)), latex=Template("{0}^{{{1}}}", POWER, (POWER + 1,)),
    rule="power rule", rules=("power rule", "exponential rule"),
    edges="NaN for x < 0 unless y is whole; x^0 and 1^y are 1 even for NaN",
    source="DLMF 4.7.10",
)  # fmt: skip

# -- elementary functions ------------------------------------------------------------------------------------

exp = operation(
    "exp", 1, "e to the power x",
    partials=(lambda x, r: r,), latex=Template(r"e^{{{0}}}", POWER),
    edges="∞ above 709.78", source="DLMF 4.7.4",
)  # fmt: skip
log: Operation = operation(
    "log", 1, "natural logarithm",
    partials=(lambda x, r: 1 / x,), domain=(POSITIVE,), latex=latex_call(r"\ln", 1), aliases=("ln",),
    edges="log 0 is −∞, NaN below", source="DLMF 4.7.1",
)  # fmt: skip
log1p = operation(
    "log1p", 1, "log(1 + x), exact for small x",
    partials=(lambda x, r: 1 / (1 + x),), domain=((-1.0, inf),),
    latex=Template(r"\ln\left(1 + {0}\right)", ATOM, (SUM,)),
    edges="−∞ at −1, NaN below", source="DLMF 4.7.1",
)  # fmt: skip
expm1 = operation(
    "expm1", 1, "exp(x) − 1, exact for small x",
    partials=(lambda x, r: r + 1,), latex=Template(r"\left(e^{{{0}}} - 1\right)"),
    edges="∞ above 709.78", source="DLMF 4.7.4",
)  # fmt: skip
sqrt = operation(
    "sqrt", 1, "square root",
    partials=(lambda x, r: 0.5 / r,), domain=(POSITIVE,), latex=Template(r"\sqrt{{{0}}}"), maths=call("√", 1),
    kinks=(lambda x: x,), edges="NaN below 0; infinite slope at 0", source="DLMF 4.7.10",
)  # fmt: skip
hypot: Operation = operation(
    "hypot", 2, "√(x² + y²), never overflowing",
    partials=(lambda x, y, r: where(equal(r, 0), 0, x / r), lambda x, y, r: where(equal(r, 0), 0, y / r)),
    kinks=(lambda x, y: absolute(x) + absolute(y),),
    expansion=lambda x, y: _hypot(x, y), edges="slope 0 is taken at x = y = 0", source="DLMF 1.9.9",
)  # fmt: skip
logaddexp: Operation = operation(
    "logaddexp", 2, "log(exp(x) + exp(y)), never overflowing",
    partials=(lambda x, y, r: sigmoid(x - y), lambda x, y, r: sigmoid(y - x)),
    expansion=lambda x, y: maximum(x, y) + softplus(-absolute(x - y)),
    edges="NaN if both are ∞ or both −∞", source="DLMF 4.7.4",
)  # fmt: skip
sin = operation(
    "sin", 1, "sine, x in radians",
    partials=(lambda x, r: cos(x),), latex=latex_call(r"\sin", 1), edges="NaN at ±∞", source="DLMF 4.20.1",
)  # fmt: skip
cos: Operation = operation(
    "cos", 1, "cosine, x in radians",
    partials=(lambda x, r: -sin(x),), latex=latex_call(r"\cos", 1), edges="NaN at ±∞", source="DLMF 4.20.2",
)  # fmt: skip
arctan = operation(
    "arctan", 1, "inverse tangent, in radians", aliases=("atan",), edges="±π/2 at ±∞", source="DLMF 4.24.3",
    partials=(lambda x, r: 1 / (1 + x**2),), latex=latex_call(r"\arctan", 1),
)  # fmt: skip

# -- activations ---------------------------------------------------------------------------------------------

tanh = operation(
    "tanh", 1, "hyperbolic tangent",
    partials=(lambda x, r: 1 - r**2,), latex=latex_call(r"\tanh", 1), activation=True,
    edges="±1 at ±∞", source="DLMF 4.34.3",
)  # fmt: skip
sigmoid: Operation = operation(
    "sigmoid", 1, "logistic function 1/(1 + exp(−x))",
    partials=(lambda x, r: r * (1 - r),), latex=latex_call(r"\sigma", 1), maths=call("σ", 1),
    aliases=("σ",), activation=True, edges="0 at −∞, 1 at ∞",
    source="Rumelhart, Hinton and Williams 1986, eq. 15",
)  # fmt: skip
softplus: Operation = operation(
    "softplus", 1, "log(1 + exp(x)), never overflowing",
    partials=(lambda x, r: sigmoid(x),), activation=True,
    edges="0 at −∞, ∞ at ∞", source="Dugas et al. 2001, eq. 3",
)  # fmt: skip
relu = operation(
    "relu", 1, "max(0, x)",
    partials=(lambda x, r: where(x > 0, 1, 0),), kinks=(lambda x: x,), activation=True,
    expansion=lambda x: maximum(x, 0), edges="slope 0 is taken at 0", source="Nair and Hinton 2010",
)  # fmt: skip
leaky_relu = operation(
    "leaky_relu", 1, "max(0.01·x, x)",
    partials=(lambda x, r: where(x > 0, 1, 0.01),), kinks=(lambda x: x,), activation=True,
    expansion=lambda x: maximum(0.01 * x, x), edges="slope 0.01 is taken at 0",
    source="Maas, Hannun and Ng 2013",
)  # fmt: skip
step = operation(
    "step", 1, "1 if x ≥ 0, else 0",
    partials=(lambda x, r: 0,), kinks=(lambda x: x,), activation=True,
    expansion=lambda x: minimum(sign(x) + 1, 1), edges="a jump at 0", source="McCulloch and Pitts 1943",
)  # fmt: skip

# -- with kinks ----------------------------------------------------------------------------------------------

absolute: Operation = operation(
    "abs", 1, "absolute value",
    partials=(lambda x, r: sign(x),), latex=Template(r"\left|{0}\right|"), maths=Template("|{0}|"),
    kinks=(lambda x: x,), edges="slope 0 is taken at 0", source="DLMF 1.9.7",
)  # fmt: skip
sign: Operation = operation(
    "sign", 1, "−1, 0 or 1",
    partials=(lambda x, r: 0,), latex=latex_call(r"\operatorname{sgn}", 1),
    kinks=(lambda x: x,), edges="jumps at 0",
)  # fmt: skip


def _extreme(name: str, short: str, size: str, holds: Callable[[Expression, Expression], Expression]) -> Operation:
    return operation(
        name, 2, f"the {size} of x and y", aliases=(short,), flops=2, latex=latex_call(rf"\{short}", 2),
        partials=(lambda x, y, r: where(holds(x, y), 1, 0), lambda x, y, r: where(holds(x, y), 0, 1)),
        kinks=(lambda x, y: x - y,), edges=f"x counts as the {size} when equal",
        differential=lambda x, y, dx, dy: where(holds(x, y), dx, dy), rule=f"derivative of the {size} one",
    )  # fmt: skip


maximum: Operation = _extreme("maximum", "max", "larger", ge)
minimum: Operation = _extreme("minimum", "min", "smaller", le)
where: Operation = operation(
    "where", 3, "x if the condition holds (is not 0), else y",
    partials=(lambda c, x, y, r: 0, lambda c, x, y, r: where(c, 1, 0), lambda c, x, y, r: where(c, 0, 1)),
    latex=Template(r"\begin{{cases}}{1} & {0} \\ {2} & \text{{otherwise}}\end{{cases}}", PRODUCT),
    edges="NaN is not 0, so it counts as true",
    differential=lambda c, x, y, dc, dx, dy: where(c, dx, dy), rule="case by case",
)  # fmt: skip


def _comparison(name: str, sign: str, latex: str, maths: str | None = None) -> Operation:
    return operation(
        name, 2, f"1 if x {maths or sign} y, else 0",
        partials=(lambda x, y, r: 0, lambda x, y, r: 0), kinks=(lambda x, y: x - y,),
        text=Template(f"{{0}} {sign} {{1}}", COMPARISON, (SUM, SUM)),
        latex=Template(f"{{0}} {latex} {{1}}", COMPARISON, (SUM, SUM)),
        maths=Template(f"{{0}} {maths or sign} {{1}}", COMPARISON, (SUM, SUM)),
        edges="a jump at x = y; false if either is NaN" if name != "not_equal" else "true if either is NaN",
    )  # fmt: skip


less = _comparison("less", "<", "<")
less_equal = _comparison("less_equal", "<=", r"\le", "≤")
greater = _comparison("greater", ">", ">")
greater_equal = _comparison("greater_equal", ">=", r"\ge", "≥")
equal: Operation = _comparison("equal", "==", "=", "=")
not_equal = _comparison("not_equal", "!=", r"\ne", "≠")

# -- vectors and matrices ------------------------------------------------------------------------------------


def _matmul_left(adj: Expression, a: Expression, b: Expression, r: Expression) -> Expression:
    if len(a.shape) == 1 and len(b.shape) == 1:
        return adj * b
    return outer(adj, b) if len(b.shape) == 1 else adj @ transpose(b)


def _matmul_right(adj: Expression, a: Expression, b: Expression, r: Expression) -> Expression:
    if len(a.shape) == 1:
        return adj * a if len(b.shape) == 1 else outer(a, adj)
    return transpose(a) @ adj


matmul = operation(
    "matmul", 2, "product of vectors and matrices",
    adjoints=(_matmul_left, _matmul_right), shape=shapes.matmul_shape, bilinear=True,
    text=infix(" @ ", PRODUCT), latex=infix(r"\, ", PRODUCT), rule="product rule", source="Giles 2008, 2.2.2",
)  # fmt: skip
transpose: Operation = operation(
    "transpose", 1, "rows and columns exchanged",
    adjoints=(lambda adj, x, r: transpose(adj),), shape=shapes.of_rank(2, lambda a: a[::-1]), linear=True,
    latex=Template(r"{0}^{{\top}}", POWER, (ATOM,)), source="Giles 2008, 2.2",
)  # fmt: skip
dot = operation(
    "dot", 2, "sum of the products of two vectors' elements",
    adjoints=(lambda adj, x, y, r: adj * y, lambda adj, x, y, r: adj * x), shape=shapes.dot_shape, bilinear=True,
    latex=latex_call(r"\operatorname{dot}", 2), rule="product rule", source="Giles 2008, 2.2.2",
)  # fmt: skip
outer = operation(
    "outer", 2, "matrix of the products of two vectors' elements",
    adjoints=(lambda adj, x, y, r: adj @ y, lambda adj, x, y, r: x @ adj), bilinear=True,
    shape=shapes.of_rank(1, lambda a, b: a + b), latex=Template(r"{0}\, {1}^{{\top}}", PRODUCT, (PRODUCT, ATOM)),
    rule="product rule", source="Giles 2008, 2.2.2",
)  # fmt: skip
sum_ = operation(
    "sum", 1, "sum over the features of a sample",
    adjoints=(lambda adj, x, r: adj,), shape=shapes.sum_shape, linear=True,
    latex=Template(r"\sum_{{j}} {0}", SUM + 5, (PRODUCT,)), rule="sum rule", source="Griewank and Walther 2008, 3.2",
)  # fmt: skip
expand = operation(
    "expand", 1, "a number repeated to a vector or matrix",
    adjoints=(lambda adj, x, r: sum_(adj),), shape=shapes.expand_shape, linear=True, attributes=2,
    latex=Template(r"\operatorname{{expand}}\left({0}; {attributes}\right)"),
    rule="sum rule", source="Griewank and Walther 2008, 3.2",
)  # fmt: skip
one_hot = operation(
    "one_hot", 1, "1 at the place of the class number (from 0), 0 at the others",
    adjoints=(lambda adj, x, r: 0,), shape=shapes.one_hot_shape, attributes=1,
    latex=Template(r"\operatorname{{onehot}}_{{{attributes}}}\left({0}\right)"),
    edges="all 0 if x is not a class number; NaN at NaN", source="definition",
)  # fmt: skip
largest: Operation = operation(
    "largest", 1, "largest feature of a sample",
    adjoints=(lambda adj, x, r: where(equal(x, r), adj, 0) / sum_(equal(x, r)),), shape=shapes.sum_shape,
    kinks=(lambda x: where(sum_(equal(x, largest(x))) > 1, 0, 1),),
    latex=Template(r"\max_{{j}} {0}", SUM + 5, (PRODUCT,)),
    edges="several largest share the slope 1 equally",
)  # fmt: skip
softmax = operation(
    "softmax", 1, "exp(x) over the sum of exp(x), over the features",
    adjoints=(lambda adj, x, r: r * (adj - sum_(adj * r)),), shape=shapes.of_rank(1, lambda a: a), activation=True,
    expansion=_shares, source="Bridle 1990",
)  # fmt: skip
log_softmax = operation(
    "log_softmax", 1, "logarithm of softmax, never underflowing",
    adjoints=(lambda adj, x, r: adj - softmax(x) * sum_(adj),), shape=shapes.of_rank(1, lambda a: a), activation=True,
    expansion=lambda x: x - largest(x) - log_of_shares(x), source="Bridle 1990",
)  # fmt: skip
logsumexp: Operation = operation(
    "logsumexp", 1, "logarithm of the sum of exp(x) over the features, never overflowing",
    adjoints=(lambda adj, x, r: adj * (softmax(x) if len(x.shape) == 1 else _shares(x)),), shape=shapes.sum_shape,
    expansion=lambda x: largest(x) + log_of_shares(x),
    edges="NaN if a feature is ∞ or all are −∞", source="Blanchard, Higham and Higham 2021, eq. 1.3",
)  # fmt: skip

# -- over the samples ----------------------------------------------------------------------------------------

count = operation("count", 0, "number of samples n", latex=Template("n"), maths=Template("n"))
mean: Operation = operation(
    "mean", 1, "mean over the samples",
    adjoints=(lambda adj, x, r: adj / count(),), shape=shapes.samples_shape, over_samples=True, linear=True,
    expansion=lambda x: total(x) / count(),
    latex=Template(r"\frac{{1}}{{n}} \sum_{{i=1}}^{{n}} {0}", SUM + 5, (PRODUCT,)),
    maths=Template("1/n Σ {0}", SUM + 5, (PRODUCT,)), rule="sum rule", source="DLMF 1.4.8",
    differential=lambda x, dx: mean(dx),
)  # fmt: skip
total: Operation = operation(
    "total", 1, "sum over the samples",
    adjoints=(lambda adj, x, r: adj,), shape=shapes.samples_shape, over_samples=True, linear=True,
    latex=Template(r"\sum_{{i=1}}^{{n}} {0}", SUM + 5, (PRODUCT,)),
    maths=Template("Σ {0}", SUM + 5, (PRODUCT,)),
    rule="sum rule", source="DLMF 1.4.8", differential=lambda x, dx: total(dx),
)  # fmt: skip
total_outer = operation(
    "total_outer", 2, "sum over the samples of the outer products of two vectors",
    adjoints=(lambda adj, x, y, r: adj @ y, lambda adj, x, y, r: x @ adj), over_samples=True, bilinear=True,
    shape=shapes.total_outer_shape,
    latex=Template(r"\sum_{{i=1}}^{{n}} {0}\, {1}^{{\top}}", SUM + 5, (PRODUCT, ATOM)),
    rule="product rule", source="Giles 2008, 2.2.2",
)  # fmt: skip
stop_gradient = operation(
    "stop_gradient", 1, "x, treated as a constant in derivatives",
    partials=(lambda x, r: 0,), expansion=lambda x: x, rule="held constant",
)  # fmt: skip


class _Table(Sequence[Operation]):
    """Every operation, in the order in which they were added."""

    def __getitem__(self, k: Any) -> Any:
        return tuple(dict.fromkeys(FUNCTIONS.values()))[k]

    def __len__(self) -> int:
        return len(set(FUNCTIONS.values()))


TABLE: Sequence[Operation] = _Table()
"""Every operation, in the order of this file; those that are added later follow."""
