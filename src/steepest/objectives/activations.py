"""Activations of the builders: a name, a formula in one name, an operation or a Python function."""

from __future__ import annotations

from collections.abc import Callable

from steepest.errors import FormulaError, ModelError
from steepest.expressions.expression import DATA, Expression, Operation, leaf, leaves, substitute, toposort
from steepest.expressions.operations import FUNCTIONS
from steepest.expressions.printing import ATOM
from steepest.language.formula import names_in, parse_formula
from steepest.messages.vocabulary import hint, ours

Activation = str | Operation | Callable[[Expression], Expression]

_SHAPE = (2,)  # any layer with more than one neuron shows whether an operation mixes them


def is_elementwise(operation: Operation) -> bool:
    """Return whether an operation acts on each element by itself."""
    return bool(operation.partials) and not operation.over_samples


def function_of(activation: Activation, output: bool = False) -> Callable[[Expression], Expression]:
    """Return an activation as a function of expressions; that of the last layer, the output, may also be a softmax.

    >>> z = leaf(DATA, "z")
    >>> print(function_of("tanh")(z), function_of("z*sigmoid(z)")(z), function_of(lambda z: z**2)(z))
    tanh(z) z*sigmoid(z) z^2
    """
    z = leaf(DATA, "z", _SHAPE)
    if isinstance(activation, str):
        z, body = _read(activation)
    elif isinstance(activation, Operation):
        body = _of_table(activation, str(activation.name), z)
    elif callable(activation):
        body = activation(z)
    else:
        raise ModelError(f"an activation is a name, a formula such as max(0.1*z, z) or a function, not {activation!r}")
    called = activation if isinstance(activation, str) else getattr(activation, "__name__", repr(activation))
    if not isinstance(body, Expression):
        raise ModelError(f"the activation {called} returned {type(body).__name__}, not an expression of its argument")
    _check(body, z, str(called), output)
    return lambda inner: substitute(body, {z: inner})


def _read(text: str) -> tuple[Expression, Expression]:
    """Return the argument of the activation that a text describes, and its expression."""
    z = leaf(DATA, "z", _SHAPE)
    if text == "linear":
        return z, z
    if text in FUNCTIONS:
        return z, _of_table(FUNCTIONS[text], text, z)
    alias = text.lower() if text.lower() in FUNCTIONS else ours("activation", text)
    if alias is not None:
        return _read(alias)
    if text.strip().isidentifier():
        known = [*(name for name, row in FUNCTIONS.items() if is_elementwise(row)), "softmax", "linear"]
        raise ModelError(
            f"there is no activation {text!r}{hint('activation', text, known)}; use an operation on one number, which "
            "'steepest ops' lists, or write a formula such as max(0.1*z, z)"
        )
    names = names_in(text)
    if len(names) != 1:
        raise ModelError(
            f"the activation {text} has {len(names)} names; write a formula in one name, such as z*sigmoid(z)"
        )
    formula = parse_formula(text, {names[0]: _SHAPE})
    if formula.target is not None:
        raise FormulaError(f"the activation {text} has a '~', as models do; write a formula in one name")
    return leaf(DATA, names[0], _SHAPE), formula.expression


def _of_table(row: Operation, name: str, z: Expression) -> Expression:
    if row.arity != 1 or row.attributes:
        raise ModelError(f"{name} is not a function of one number; write an activation such as max(0.1*z, z)")
    if not is_elementwise(row) and not row.activation:
        raise _mixing(name, row)  # a clearer message than that on its shape
    return row(z)


def _mixing(called: str, row: Operation, remedy: str = "") -> ModelError:
    what = f": {row.name} combines the {'samples' if row.over_samples else 'neurons of a layer'}"
    return ModelError(
        f"the activation {called} is not elementwise{what}; {remedy or 'use one that is, such as tanh or relu'}"
    )


def _check(body: Expression, z: Expression, called: str, output: bool) -> None:
    for node in leaves([body]):  # in the order of the text
        if node is not z:
            raise ModelError(f"the activation {called} has {node.name!r}; write a formula in the layer's input alone")
    for node in toposort([body]):
        if node.args and not is_elementwise(node.operation):
            if output and node is body and node.operation.activation and node.args == (z,):
                continue  # a softmax
            as_output = node.operation.activation and not output
            raise _mixing(called, node.operation, "it can be the output" if as_output else "")
    if z not in toposort([body]) or body.shape != z.shape:
        raise ModelError(f"the activation {called} does not depend on the layer's input; write a formula in it")


def written(activation: Activation, inner: str, name: str, output: bool = False) -> tuple[str, str]:
    """Return the text of an activation applied to a formula text, after a definition if one is needed.

    >>> written("tanh", "X @ W1 + b1", "z1")
    ('', 'tanh(X @ W1 + b1)')
    >>> written("max(0.1*z, z)", "X @ W1 + b1", "z1")
    ('z1 = X @ W1 + b1; ', 'maximum(0.1*z1, z1)')
    """
    z = leaf(DATA, name, _SHAPE)
    body = function_of(activation, output)(z)
    if body is z:
        return "", inner if output else f"({inner})"
    if body.args == (z,) and str(body) == f"{body.operation.name}({name})":
        return "", f"{body.operation.name}({inner})"
    text = str(body) if body.operation.text.level == ATOM else f"({body})"
    return f"{name} = {inner}; ", text
