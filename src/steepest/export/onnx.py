"""Write predictions as ONNX with operators whose results have a small relative error.

ONNX Runtime has Softplus in single precision only, and ONNX has neither log1p nor expm1; they are composed by Kahan's
method, which corrects for the rounding of 1 + x and exp(x). σ is composed as well, because the runtime's Sigmoid loses
small values: in single precision it is 0 below −18. In double precision the runtime's Sin and Cos lose all digits next
to multiples of π, so that their arguments are reduced first. MatMul is avoided: the runtime would fuse it with a factor
of its result, and store that factor in single precision. Atan exists in single precision only; one step of Newton's
method makes its result a double.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.calculus.passes import users
from steepest.errors import ModelError, missing
from steepest.export.names import unused
from steepest.export.prepared import Prepared, constant_value, require
from steepest.expressions.expression import CONSTANT, Expression, Shape
from steepest.version import __version__

OPSET, IR_VERSION = 12, 7
"""The lowest operator set with every operator used here (GreaterOrEqual, Einsum), and the format it came with."""


@dataclass(frozen=True)
class Comparison:
    """A primitive that is one boolean operator of ONNX, or its negation."""

    name: str
    negated: bool = False


class _Graph:
    """An ONNX graph under construction, with the name of each expression in it."""

    def __init__(self, onnx: Any, prepared: Prepared) -> None:
        self._helper, self._numpy = onnx.helper, onnx.numpy_helper
        self.single = onnx.TensorProto.FLOAT
        self.kind = onnx.TensorProto.DOUBLE if prepared.dtype == "float64" else self.single
        self.dtype = np.dtype(prepared.dtype)
        self.users = users(prepared.program)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names: dict[Expression, str] = {}
        self._truths: dict[Expression, str] = {}
        self._numbers: dict[Any, str] = {}
        self._taken: set[str] = set()

    def name(self, wanted: str) -> str:
        """Return a new name in the graph."""
        found = unused(wanted, self._taken)
        self._taken.add(found)
        return found

    def tensor(self, array: Any, wanted: str = "constant") -> str:
        """Add a constant tensor and return its name."""
        name = self.name(wanted)
        self.constants.append(self._numpy.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), name))
        return name

    def number(self, value: float) -> str:
        """Return the name of a constant number, adding it once."""
        key = float(value).hex()
        if key not in self._numbers:
            with np.errstate(over="ignore"):
                self._numbers[key] = self.tensor(self.dtype.type(value))
        return self._numbers[key]

    def __call__(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add an operator and return the name of its result."""
        output = output or self.name("t")
        self.nodes.append(self._helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def node(self, node: Expression) -> str:
        """Add a primitive and return the name of its result."""
        form = PRIMITIVES[node.operation.name]
        if isinstance(form, str):
            return self(form, *(self.lifted(arg, node.shape) for arg in node.args))
        if isinstance(form, Comparison):
            return self("Cast", self.truth(node), to=self.kind)
        return form(self, node)

    def lifted(self, arg: Expression, shape: Shape, name: str = "") -> str:
        """Return the name of an argument, with axes of length 1 if it must broadcast over features."""
        name = name or self.names[arg]
        if arg.per_sample and shape and not arg.shape:
            return self("Unsqueeze", name, axes=list(range(1, len(shape) + 1)))
        return name

    def truth(self, node: Expression, shape: Shape = ()) -> str:
        """Return the name of a boolean that is true where a number is not 0."""
        if node not in self._truths:
            form = PRIMITIVES.get(node.operation.name)
            if isinstance(form, Comparison):
                found = self(form.name, *(self.lifted(arg, node.shape) for arg in node.args))
                self._truths[node] = self("Not", found) if form.negated else found
            else:
                self._truths[node] = self("Not", self("Equal", self.names[node], self.number(0)))
        return self.lifted(node, shape, self._truths[node])

    def is_condition(self, node: Expression) -> bool:
        """Return whether a comparison is used only as a condition of ``where``."""
        return isinstance(PRIMITIVES.get(node.operation.name), Comparison) and all(
            user.operation.name == "where" and node not in user.args[1:] for user in self.users[node]
        )


# -- primitives that take several operators --


def _where(graph: _Graph, node: Expression) -> str:
    condition = graph.truth(node.args[0], node.shape)
    return graph("Where", condition, *(graph.lifted(arg, node.shape) for arg in node.args[1:]))


def _decay(graph: _Graph, x: str) -> str:
    return graph("Exp", graph("Neg", graph("Abs", x)))


def _sigmoid(graph: _Graph, node: Expression) -> str:
    x = graph.names[node.args[0]]
    decay, one = _decay(graph, x), graph.number(1)
    above = graph("Where", graph("GreaterOrEqual", x, graph.number(0)), one, decay)
    return graph("Div", above, graph("Add", one, decay))


# π/2 in parts (Cody and Waite 1980); the products of the first two with whole numbers below 2^20 are exact.
_HALF_PI = tuple(map(float.fromhex, ("0x1.921FB544p0", "0x1.0B4611A6p-34", "0x1.3198A2E037073p-69")))


def _sine(graph: _Graph, node: Expression) -> str:
    """Write sin(x) or cos(x). In double precision, and if |x| < 2^20: ±sin(x − j·π/2), where j is even or odd."""
    x, name = graph.names[node.args[0]], node.operation.name
    built_in = graph(name.capitalize(), x)
    if graph.dtype == np.float32:
        return built_in
    one, two, odd = (graph.number(value) for value in (1, 2, float(name == "cos")))
    turns = graph("Sub", graph("Mul", x, graph.number(1 / np.pi)), graph.number(0.5 * (name == "cos")))
    k = graph("Round", turns)
    j, rest = graph("Add", graph("Mul", two, k), odd), x
    for part in _HALF_PI:
        rest = graph("Sub", rest, graph("Mul", j, graph.number(part)))
    minus = graph("Abs", graph("Mod", graph("Add", k, odd), two, fmod=1))
    found = graph("Mul", graph("Sub", one, graph("Mul", two, minus)), graph("Sin", rest))
    return graph("Where", graph("Less", graph("Abs", x), graph.number(2.0**20)), found, built_in)


def _arctan(graph: _Graph, node: Expression) -> str:
    """Write arctan(x). In double precision: y − δ, where y is nearly arctan(x), and tan δ = (tan y − x)/(1 + x·tan y).

    Both are multiplied by cos y, so that nothing overflows. δ is at most 4e-7, and tan δ is δ to the last digit.
    """
    x = graph.names[node.args[0]]
    if graph.dtype == np.float32:
        return graph("Atan", x)
    y = graph("Cast", graph("Atan", graph("Cast", x, to=graph.single)), to=graph.kind)
    sine, cosine = graph("Sin", y), graph("Cos", y)
    above = graph("Sub", sine, graph("Mul", x, cosine))
    found = graph("Sub", y, graph("Div", above, graph("Add", cosine, graph("Mul", x, sine))))
    limit = graph("Mul", graph("Sign", x), graph.number(np.pi / 2))
    return graph("Where", graph("Equal", graph("Abs", x), graph.number(np.inf)), limit, found)


def _remainder(graph: _Graph, node: Expression) -> str:
    return graph("Mod", *(graph.lifted(arg, node.shape) for arg in node.args), fmod=1)


def _softplus(graph: _Graph, node: Expression) -> str:
    x = graph.names[node.args[0]]
    if graph.dtype == np.float32:
        return graph("Softplus", x)
    return graph("Add", graph("Max", x, graph.number(0)), _log1p_of(graph, _decay(graph, x)))


def _log1p_of(graph: _Graph, x: str) -> str:
    """Write log(1 + x). With u = 1 + x: log(u)·x/(u − 1); x where u is 1, and log(u) where it is infinite."""
    one = graph.number(1)
    u = graph("Add", x, one)
    log, above = graph("Log", u), graph("Sub", u, one)
    exact = graph("Mul", log, graph("Div", x, above))
    finite = graph("Where", graph("Equal", x, graph.number(np.inf)), log, exact)
    return graph("Where", graph("Equal", u, one), x, finite)


def _expm1(graph: _Graph, node: Expression) -> str:
    """Write exp(x) − 1. With u = exp(x): (u − 1)·x/log(u); x where u is 1, u − 1 where that is exact or infinite."""
    x, one = graph.names[node.args[0]], graph.number(1)
    u = graph("Exp", x)
    above = graph("Sub", u, one)
    exact = graph("Mul", above, graph("Div", x, graph("Log", u)))
    near = graph("Less", graph("Abs", x), one)
    return graph("Where", graph("Equal", u, one), x, graph("Where", near, exact, above))


def _features(node: Expression) -> list[int]:
    """Return the axes of the features, after that of the samples if there is one."""
    return [k + node.per_sample for k in range(len(node.shape))]


def _sum(graph: _Graph, node: Expression) -> str:
    return graph("ReduceSum", graph.names[node.args[0]], axes=_features(node.args[0]), keepdims=0)


def _largest(graph: _Graph, node: Expression) -> str:
    x, axes = graph.names[node.args[0]], _features(node.args[0])
    found = graph("ReduceMax", x, axes=axes, keepdims=0)
    if _is_of_softmax(graph, node):
        return found
    # ReduceMax may ignore NaN, so add a sum that is NaN if an element is, and else 0.
    zero = graph.number(0)
    marks = graph("Where", graph("Equal", x, x), zero, graph.number(np.nan))
    return graph("Add", found, graph("ReduceSum", marks, axes=axes, keepdims=0))


def _is_of_softmax(graph: _Graph, node: Expression) -> bool:
    """Return whether a largest feature is only subtracted, from what a sum of exponentials follows: NaN shows there."""
    for user in graph.users[node]:
        exponentials = [each for each in graph.users[user] if each.operation.name == "exp"]
        summed = any(each.operation.name == "sum" for e in exponentials for each in graph.users[e])
        if user.operation.name != "subtract" or user.args[0] is not node.args[0] or not summed:
            return False
    return True


def _transpose(graph: _Graph, node: Expression) -> str:
    axes = _features(node.args[0])
    return graph("Transpose", graph.names[node.args[0]], perm=[*range(axes[0]), axes[-1], axes[0]])


def _outer(graph: _Graph, node: Expression) -> str:
    left, right = node.args
    columns = graph("Unsqueeze", graph.names[left], axes=[len(left.shape) + left.per_sample])
    return graph("Mul", columns, graph("Unsqueeze", graph.names[right], axes=[int(right.per_sample)]))


def _expand(graph: _Graph, node: Expression) -> str:
    lengths = np.array([1, *node.shape], np.int64)
    return graph("Expand", graph.lifted(node.args[0], node.shape), graph.tensor(lengths, "lengths"))


def _one_hot(graph: _Graph, node: Expression) -> str:
    x = graph("Unsqueeze", graph.names[node.args[0]], axes=[1])
    classes = graph.tensor(np.arange(node.shape[0], dtype=graph.dtype), "classes")
    found = graph("Cast", graph("Equal", x, classes), to=graph.kind)
    return graph("Where", graph("Equal", x, x), found, x)  # NaN is not equal to itself


def _product(graph: _Graph, node: Expression) -> str:
    """Write ``a @ b`` for every mixture of per-sample and shared vectors and matrices."""
    a, b = node.args
    names = [graph.names[arg] for arg in node.args]
    if len(a.shape) == 1 and a.per_sample and len(b.shape) == 2 and not b.per_sample:
        return graph("Gemm", *names)
    left, right = ("j", "ij")[len(a.shape) - 1], ("j", "jk")[len(b.shape) - 1]
    result = f"n{left[:-1]}{right[1:]}"
    return graph("Einsum", *names, equation=f"{'n' * a.per_sample}{left},{'n' * b.per_sample}{right}->{result}")


PRIMITIVES: dict[str, str | Comparison | Callable[[_Graph, Expression], str]] = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "negate": "Neg", "power": "Pow", "exp": "Exp",
    "log": "Log", "sqrt": "Sqrt", "sin": _sine, "cos": _sine, "arctan": _arctan, "tanh": "Tanh", "abs": "Abs",
    "floor": "Floor", "fmod": _remainder, "sign": "Sign", "maximum": "Max", "minimum": "Min",
    "less": Comparison("Less"), "less_equal": Comparison("LessOrEqual"), "greater": Comparison("Greater"),
    "greater_equal": Comparison("GreaterOrEqual"), "equal": Comparison("Equal"),
    "not_equal": Comparison("Equal", negated=True),
    "where": _where, "sigmoid": _sigmoid, "softplus": _softplus, "expm1": _expm1,
    "log1p": lambda graph, node: _log1p_of(graph, graph.names[node.args[0]]),
    "sum": _sum, "largest": _largest, "transpose": _transpose, "outer": _outer, "expand": _expand, "one_hot": _one_hot,
    "matmul": _product, "dot": _product,
}  # fmt: skip
"""How ONNX writes every primitive of a prediction; to add an elementary function, add an entry.

An elementwise primitive is one operator, or a function from the graph and the node to the result's name adds several.
"""


def write_onnx(prepared: Prepared) -> bytes:
    """Return an ONNX file that computes a prediction.

    Inputs have the names of the columns and the batch axis ``n`` first; the output is ``prediction``.
    """
    try:
        import onnx
    except ImportError:
        raise ModelError(missing("exporting to ONNX needs", "onnx", "onnx")) from None
    helper = onnx.helper
    require(prepared.program, PRIMITIVES, "ONNX")
    graph = _Graph(onnx, prepared)
    inputs = []
    for node in prepared.columns:
        graph.names[node] = graph.name(node.name)
        inputs.append(helper.make_tensor_value_info(node.name, graph.kind, ["n", *node.shape]))
    output = graph.name("prediction")
    for node in prepared.params:
        graph.names[node] = graph.tensor(prepared.values[node.name], prepared.meanings.get(node.name, node.name))
    for node in prepared.program.nodes:
        if node.operation is CONSTANT:
            graph.names[node] = graph.number(constant_value(node, prepared.dtype))
        elif node.args and not graph.is_condition(node):
            graph.names[node] = graph.node(node)
    last = graph.names[prepared.output]
    if prepared.output.shape == (1,):
        graph("Squeeze", last, axes=[1], output=output)
    else:
        graph("Identity", last, output=output)
    outputs = [helper.make_tensor_value_info(output, graph.kind, ["n", *prepared.shape])]
    model = helper.make_model(
        helper.make_graph(graph.nodes, prepared.name, inputs, outputs, graph.constants, doc_string=prepared.formula),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="steepest",
        producer_version=__version__,
    )  # fmt: skip
    blocks = {f"columns of {name}": ", ".join(columns) for name, columns in prepared.blocks.items()}
    helper.set_model_props(model, {"formula": prepared.formula, "steepest": __version__, **blocks})
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content
