"""ONNX for predictions: operators that are exact in double precision too, and others made of them.

ONNX Runtime knows Softplus in single precision only, and ONNX has neither log1p nor expm1; those are composed as
Kahan did, from the rounding error that 1 + x and exp(x) make. In double precision σ is composed as well, because
the runtime's own loses its small values. There is no MatMul: the runtime would take a number that multiplies its
result into it, and keep that in single precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.calculus.passes import users
from steepest.errors import ModelError, missing
from steepest.export.prepared import Prepared, constant_value
from steepest.expressions.expression import CONSTANT, Expression, Shape

OPSET, IR_VERSION = 12, 7
"""The lowest operator set with every operator used here (GreaterOrEqual, Einsum), and the format it came with."""

_DIRECT = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "negate": "Neg", "power": "Pow", "exp": "Exp",
    "log": "Log", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tanh": "Tanh", "abs": "Abs", "sign": "Sign",
    "maximum": "Max", "minimum": "Min",
}  # fmt: skip
_COMPARISONS = {
    "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater", "greater_equal": "GreaterOrEqual",
    "equal": "Equal", "not_equal": "Equal",
}  # fmt: skip


def _library() -> Any:
    try:
        import onnx
    except ImportError:
        raise ModelError(missing("exporting to ONNX needs", "onnx", "onnx")) from None
    return onnx


class _Graph:
    """The nodes of an ONNX graph, and what each expression is called in it."""

    def __init__(self, onnx: Any, prepared: Prepared) -> None:
        self._helper, self._numpy = onnx.helper, onnx.numpy_helper
        self.kind = onnx.TensorProto.DOUBLE if prepared.dtype == "float64" else onnx.TensorProto.FLOAT
        self.dtype = np.dtype(prepared.dtype)
        self._users = users(prepared.program)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names: dict[Expression, str] = {}
        self._truths: dict[Expression, str] = {}
        self._numbers: dict[Any, str] = {}
        self._taken: set[str] = set()

    def name(self, wanted: str) -> str:
        """A name that nothing else in the graph has."""
        found, k = wanted, 1
        while found in self._taken:
            k += 1
            found = f"{wanted}_{k}"
        self._taken.add(found)
        return found

    def tensor(self, array: Any, wanted: str = "constant") -> str:
        """A tensor that stands in the file."""
        name = self.name(wanted)
        self.constants.append(self._numpy.from_array(np.ascontiguousarray(array).reshape(np.shape(array)), name))
        return name

    def number(self, value: float) -> str:
        """A number of the file's precision."""
        key = float(value).hex()
        if key not in self._numbers:
            with np.errstate(over="ignore"):
                self._numbers[key] = self.tensor(self.dtype.type(value))
        return self._numbers[key]

    def __call__(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node; the name of its result."""
        output = output or self.name("t")
        self.nodes.append(self._helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def node(self, node: Expression) -> str:
        """Add a primitive; the name of its result."""
        name = node.operation.name
        if name in _DIRECT:
            return self(_DIRECT[name], *(self._lifted(arg, node.shape) for arg in node.args))
        if name in _COMPARISONS:
            return self("Cast", self._truth(node), to=self.kind)
        if name == "where":
            condition = self._truth(node.args[0], node.shape)
            return self("Where", condition, *(self._lifted(arg, node.shape) for arg in node.args[1:]))
        composed = {
            "sigmoid": self._sigmoid, "softplus": self._softplus, "log1p": self._log1p, "expm1": self._expm1,
        }.get(name)  # fmt: skip
        names = [self.names[arg] for arg in node.args]
        return composed(names[0]) if composed else self._mixing(node, names)

    def _lifted(self, arg: Expression, shape: Shape, name: str = "") -> str:
        """An argument with axes of length 1 where a number a sample meets the features of the sample."""
        name = name or self.names[arg]
        if arg.per_sample and shape and not arg.shape:
            return self("Unsqueeze", name, axes=list(range(1, len(shape) + 1)))
        return name

    def _truth(self, node: Expression, shape: Shape = ()) -> str:
        """Whether a number is not 0, as ONNX's truth values."""
        if node not in self._truths:
            name = node.operation.name
            if name in _COMPARISONS:
                found = self(_COMPARISONS[name], *(self._lifted(arg, node.shape) for arg in node.args))
                self._truths[node] = self("Not", found) if name == "not_equal" else found
            else:
                self._truths[node] = self("Not", self("Equal", self.names[node], self.number(0)))
        return self._lifted(node, shape, self._truths[node])

    def is_condition(self, node: Expression) -> bool:
        """Whether a comparison only chooses, so that nobody wants it as a number."""
        return node.operation.name in _COMPARISONS and all(
            user.operation.name == "where" and node not in user.args[1:] for user in self._users[node]
        )

    # -- composed --

    def _decay(self, x: str) -> str:
        return self("Exp", self("Neg", self("Abs", x)))

    def _sigmoid(self, x: str) -> str:
        if self.dtype == np.float32:
            return self("Sigmoid", x)
        decay, one = self._decay(x), self.number(1)
        above = self("Where", self("GreaterOrEqual", x, self.number(0)), one, decay)
        return self("Div", above, self("Add", one, decay))

    def _softplus(self, x: str) -> str:
        if self.dtype == np.float32:
            return self("Softplus", x)
        return self("Add", self("Max", x, self.number(0)), self._log1p(self._decay(x)))

    def _log1p(self, x: str) -> str:
        """With u = 1 + x: log(u)·x/(u − 1); x where u is 1, and log(u) where it is infinite."""
        one = self.number(1)
        u = self("Add", x, one)
        log, above = self("Log", u), self("Sub", u, one)
        exact = self("Mul", log, self("Div", x, above))
        finite = self("Where", self("Equal", x, self.number(np.inf)), log, exact)
        return self("Where", self("Equal", u, one), x, finite)

    def _expm1(self, x: str) -> str:
        """With u = exp(x): (u − 1)·x/log(u); x where u is 1, and u − 1 where that is exact or infinite."""
        one = self.number(1)
        u = self("Exp", x)
        above = self("Sub", u, one)
        exact = self("Mul", above, self("Div", x, self("Log", u)))
        near = self("Less", self("Abs", x), one)
        return self("Where", self("Equal", u, one), x, self("Where", near, exact, above))

    # -- over the features --

    def _mixing(self, node: Expression, args: list[str]) -> str:
        name, first = node.operation.name, node.args[0]
        axes = _features(first)
        if name == "sum":
            return self("ReduceSum", args[0], axes=axes, keepdims=0)
        if name == "largest":
            return self._largest(node, args[0], axes)
        if name == "transpose":
            last = axes[-1]
            return self("Transpose", args[0], perm=[*range(axes[0]), last, axes[0]])
        if name == "outer":
            columns = self("Unsqueeze", args[0], axes=[len(first.shape) + first.per_sample])
            return self("Mul", columns, self("Unsqueeze", args[1], axes=[int(node.args[1].per_sample)]))
        if name == "expand":
            lengths = np.array([1, *node.shape], np.int64)
            return self("Expand", self._lifted(first, node.shape), self.tensor(lengths, "lengths"))
        if name == "one_hot":
            x = self("Unsqueeze", args[0], axes=[1])
            classes = self.tensor(np.arange(node.shape[0], dtype=self.dtype), "classes")
            found = self("Cast", self("Equal", x, classes), to=self.kind)
            return self("Where", self("Equal", x, x), found, x)  # NaN is not equal to itself
        if name in ("matmul", "dot"):
            return self._product(node, args)
        raise NotImplementedError(f"the operation {name} has no ONNX operator")

    def _largest(self, node: Expression, x: str, axes: Sequence[int]) -> str:
        found = self("ReduceMax", x, axes=axes, keepdims=0)
        if self._is_of_softmax(node):
            return found
        # ReduceMax may pass over NaN; then a sum of what is 0 and NaN tells.
        zero = self.number(0)
        marks = self("Where", self("Equal", x, x), zero, self.number(np.nan))
        return self("Add", found, self("ReduceSum", marks, axes=axes, keepdims=0))

    def _is_of_softmax(self, node: Expression) -> bool:
        """Whether a largest feature is only subtracted from all, whose exponentials are added up: NaN shows there."""
        for user in self._users[node]:
            exponentials = [each for each in self._users[user] if each.operation.name == "exp"]
            summed = any(each.operation.name == "sum" for e in exponentials for each in self._users[e])
            if user.operation.name != "subtract" or user.args[0] is not node.args[0] or not summed:
                return False
        return True

    def _product(self, node: Expression, args: list[str]) -> str:
        """``a @ b`` for every mixture of per-sample and shared vectors and matrices."""
        a, b = node.args
        if len(a.shape) == 1 and a.per_sample and len(b.shape) == 2 and not b.per_sample:
            return self("Gemm", *args)
        left, right = ("j", "ij")[len(a.shape) - 1], ("j", "jk")[len(b.shape) - 1]
        result = f"n{left[:-1]}{right[1:]}"
        equation = f"{'n' * a.per_sample}{left},{'n' * b.per_sample}{right}->{result}"
        return self("Einsum", *args, equation=equation)


def _features(node: Expression) -> list[int]:
    """The axes of the features, after that of the samples if there is one."""
    return [k + node.per_sample for k in range(len(node.shape))]


def write_onnx(prepared: Prepared) -> bytes:
    """A model's prediction as an ONNX file.

    Args:
        prepared: the prediction.

    Returns:
        The file's content: inputs are called as the columns, with the batch axis ``n`` first; the output is
        ``prediction``.

    Raises:
        ModelError: onnx is not installed.
    """
    from steepest.version import __version__

    onnx = _library()
    helper = onnx.helper
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


def largest_difference(content: bytes, columns: dict[str, Any], wanted: Any) -> float:
    """The largest difference between what ONNX Runtime predicts from an ONNX file and a prediction.

    Args:
        content: of the file.
        columns: arrays by the names of the inputs.
        wanted: the prediction, ``(n, …)``.

    Raises:
        ModelError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise ModelError(
            "running an ONNX file needs the package onnxruntime, which is not installed; install it, or compare "
            "with another runtime"
        ) from None
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    kinds = {each.name: np.float64 if "double" in each.type else np.float32 for each in session.get_inputs()}
    (found,) = session.run(None, {name: np.asarray(columns[name], kind) for name, kind in kinds.items()})
    wanted = np.asarray(wanted, np.float64)
    with np.errstate(invalid="ignore"):
        gap = np.abs(found.astype(np.float64) - wanted)
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    return float(np.max(np.where(same, 0.0, gap), initial=0.0))
