"""Networks: activations of every kind, layers by dense(…), and what is said of those that are none.

Values are compared with NumPy written out; formulas with what the builder is documented to write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest import models
from steepest.errors import FormulaError, ModelError, SteepestError
from steepest.expressions.expression import PARAMETER, Expression, data, leaves, params
from steepest.expressions.operations import TABLE
from steepest.expressions.traversal import toposort
from steepest.language.formula import Limits, guess_data, names_in, parse
from steepest.objectives.activations import function_of, is_elementwise

RNG = np.random.default_rng(12)
X = RNG.normal(size=(7, 4))


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def shapes(root: Expression) -> dict[str, tuple[int, ...]]:
    return {leaf.name: leaf.shape for leaf in leaves([root]) if leaf.operation is PARAMETER}


def draws(model: models.Model) -> dict[str, Any]:
    return {name: RNG.normal(size=shape) for name, shape in shapes(model.prediction).items()}


# -- activations ---------------------------------------------------------------------------------------------------

KINDS: dict[str, tuple[Any, str, Any]] = {
    "name": ("relu", "y ~ relu(X @ W1 + b1) @ W2 + b2", lambda z: np.maximum(z, 0)),
    "alias": ("σ", "y ~ sigmoid(X @ W1 + b1) @ W2 + b2", sigmoid),
    "not called an activation": ("sin", "y ~ sin(X @ W1 + b1) @ W2 + b2", np.sin),
    "linear": ("linear", "y ~ (X @ W1 + b1) @ W2 + b2", lambda z: z),
    "formula": ("max(0.1*z, z)", "z1 = X @ W1 + b1; y ~ maximum(0.1*z1, z1) @ W2 + b2",
                lambda z: np.where(z > 0, z, 0.1 * z)),
    "formula in another name": ("u*sigmoid(u)", "z1 = X @ W1 + b1; y ~ (z1*sigmoid(z1)) @ W2 + b2",
                                lambda z: z * sigmoid(z)),
    "formula with a definition": ("t = tanh(z); t^3 - t", "z1 = X @ W1 + b1; y ~ (tanh(z1)^3 - tanh(z1)) @ W2 + b2",
                                  lambda z: np.tanh(z) ** 3 - np.tanh(z)),
    "formula of one call": ("tanh(`the input`)", "y ~ tanh(X @ W1 + b1) @ W2 + b2", np.tanh),
    "operation": (st.tanh, "y ~ tanh(X @ W1 + b1) @ W2 + b2", np.tanh),
    "function": (lambda z: z * st.tanh(st.softplus(z)), "z1 = X @ W1 + b1; y ~ (z1*tanh(softplus(z1))) @ W2 + b2",
                 lambda z: z * np.tanh(np.log1p(np.exp(z)))),
    "list": (["sin"], "y ~ sin(X @ W1 + b1) @ W2 + b2", np.sin),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_activation_of_every_kind(kind: str, tmp_path: Path) -> None:
    """It stands in the formula, computes what it says, and comes back from a file."""
    activation, formula, meaning = KINDS[kind]
    model = models.network([4, 3, 1], activation, "linear")
    assert model.formula == formula
    values = draws(model)
    wanted = (meaning(X @ values["W1"] + values["b1"]) @ values["W2"] + values["b2"])[:, 0]
    np.testing.assert_allclose(model.predict({"X": X}, values), wanted, rtol=1e-12, atol=1e-13)
    model.params = values
    model.save(tmp_path / "n.safetensors")
    back = st.load(tmp_path / "n.safetensors")
    assert back.prediction is model.prediction
    np.testing.assert_array_equal(back.predict({"X": X}), model.predict({"X": X}))


def test_an_activation_for_each_layer() -> None:
    model = models.network([4, 3, 5, 2, 1], ["relu", "z^2", "tanh"], "linear")
    assert model.formula == "z2 = relu(X @ W1 + b1) @ W2 + b2; y ~ tanh((z2^2) @ W3 + b3) @ W4 + b4"
    v = draws(model)
    a = np.maximum(X @ v["W1"] + v["b1"], 0)
    a = np.tanh((a @ v["W2"] + v["b2"]) ** 2 @ v["W3"] + v["b3"]) @ v["W4"] + v["b4"]
    np.testing.assert_allclose(model.predict({"X": X}, v), a[:, 0], rtol=1e-12)


def test_every_elementwise_operation_of_one_number_is_an_activation() -> None:
    rows = [row for row in TABLE if row.arity == 1 and is_elementwise(row)]
    assert {"relu", "tanh", "sin", "softplus", "abs", "exp", "negate", "step"} <= {row.name for row in rows}
    z = data("z", shape=3)
    for row in rows:
        assert function_of(row.name)(z) is row(z)
        model = models.network([2, 3, 1], row.name, "linear")
        assert row(data("X", shape=2) @ params("W1", shape=(2, 3)) + params("b1", shape=3)) in toposort(
            [model.prediction]
        )


def test_outputs() -> None:
    wide = models.network([4, 3], output="softmax")
    assert (wide.formula, wide.cost_name, wide.target.shape) == ("y ~ softmax(X @ W1 + b1)", "cross_entropy", ())
    counts = models.network([4, 1], output="exp", cost="poisson", target="the count")
    assert (counts.formula, counts.cost_name) == ("`the count` ~ exp(X @ W1 + b1)", "poisson")
    steps = models.network([4, 3, 2], output=lambda z: 2 * st.sigmoid(z), activation="z^3", target="z1")
    assert steps.formula == "z_1 = X @ W1 + b1; z_2 = (z_1^3) @ W2 + b2; z1 ~ (2*sigmoid(z_2))"
    assert (steps.cost_name, steps.target.shape) == ("mse", (2,))
    values = draws(steps)
    inner = (X @ values["W1"] + values["b1"]) ** 3 @ values["W2"] + values["b2"]
    np.testing.assert_allclose(steps.predict({"X": X}, values), 2 * sigmoid(inner), rtol=1e-12)


def test_a_deep_network_of_formulas_stays_short() -> None:
    """The input of each layer has a name, so that naming it twice does not double the text layer by layer."""
    model = models.network([2] * 60 + [1], "max(0.1*z, z)", "linear")
    assert len(model.formula) < 5000


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"activation": "tahn"}, "no activation 'tahn'; did you mean 'tanh'?"),
        ({"activation": "softmax"}, "softmax is not elementwise: softmax combines the neurons of a layer; it can be"),
        ({"activation": "sum(z)"}, "sum combines the neurons of a layer"),
        ({"activation": "mean(z)"}, "mean combines the samples"),
        ({"activation": "transpose"}, "transpose combines the neurons"),
        ({"activation": "maximum"}, "maximum is not a function of one number"),
        ({"activation": "z*w"}, "has 2 names"),
        ({"activation": "3 + 4"}, "has 0 names"),
        ({"activation": "y ~ y"}, "has a '~'"),
        ({"activation": "z +"}, "expected a number"),
        ({"activation": "dense(z, 3)"}, "has 'W1'"),
        ({"activation": lambda z: 3}, "returned int, not an expression"),
        ({"activation": lambda z: z * st.params("q")}, "has 'q'"),
        ({"activation": lambda z: st.constant(3)}, "does not depend on the layer's input"),
        ({"activation": lambda z: st.sum(z)}, "sum combines the neurons"),
        ({"activation": 7}, "not 7"),
        ({"activation": ["relu"]}, "2 hidden layers but 1 activations"),
        ({"activation": ["relu", "tanh", "sin"]}, "2 hidden layers but 3 activations"),
        ({"output": "softmax(z)*2"}, "softmax combines the neurons"),
        ({"output": "largest"}, "largest combines the neurons"),
        ({"target": "X"}, "give the target another name"),
        ({"target": "b2"}, "'b2' has the name of a parameter"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),  # no addresses, which differ by process
)
def test_errors_of_networks(options: dict[str, Any], says: str) -> None:
    with pytest.raises(SteepestError) as caught:
        models.network([4, 3, 2, 1], **options)
    assert says in str(caught.value)


def test_an_error_names_what_a_reader_meets_first() -> None:
    """Whatever was built before: here b1, which comes after W1 in a layer."""
    older = st.params("b1", shape=3)
    with pytest.raises(SteepestError, match="has 'W1'"):
        models.network([4, 3, 2, 1], activation="dense(z, 3)")
    assert older.name == "b1"


# -- dense(…) ------------------------------------------------------------------------------------------------------


def test_dense_is_the_layer_written_out() -> None:
    text = "softmax(dense(tanh(dense(X, 32)), 10))"
    found = parse(text, data={"X": 64})
    shapes_ = {"W1": (64, 32), "b1": 32, "W2": (32, 10), "b2": 10}
    assert found is parse("softmax(tanh(X @ W1 + b1) @ W2 + b2)", {"X": 64}, shapes_)
    assert shapes(found) == {"W1": (64, 32), "b1": (32,), "W2": (32, 10), "b2": (10,)}


def test_dense_of_a_number_a_sample() -> None:
    found = parse("dense(x, 8)", data=["x"])
    assert found is data("x") * params("W1", shape=8) + params("b1", shape=8)
    assert shapes(parse("dense(sin(dense(x, 8)), 1)", data=["x"])) == {
        "W1": (8,), "b1": (8,), "W2": (8, 1), "b2": (1,),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("dense(X, 3) + dense(X, 3)", "W1 b1 W2 b2"),
        ("dense(X, 3) + sum(dense(dense(X, 5), 3))", "W1 b1 W2 b2 W3 b3"),
        ("h = dense(X, 3); dense(h, 3) + h", "W1 b1 W2 b2"),
        ("dense(X, 3)*W1 + b3 + dense(X, 3)", "W2 b2 W1 b3 W4 b4"),
        ("dense(X, 3)*`b1`", "W2 b2 b1"),
        ("W1 = 3; dense(X, 3)*W1", "W2 b2"),
        ("dense(X, 3)*b₁", "W2 b2 b1"),
    ],
)
def test_dense_numbers_its_parameters(text: str, names: str) -> None:
    """In the order in which layers are computed, past every name of the text."""
    assert parse(text, data={"X": 2}).parameters == tuple(names.split())


def test_dense_inner_layers_come_first() -> None:
    found = parse("dense(dense(X, 5), 3)", data={"X": 2})
    assert shapes(found) == {"W1": (2, 5), "b1": (5,), "W2": (5, 3), "b2": (3,)}


def test_dense_past_the_names_of_the_data() -> None:
    assert parse("dense(X, 3)", data={"X": 2, "b1": ()}).parameters == ("W2", "b2")


def test_dense_in_a_model_takes_its_shape_from_the_table(tmp_path: Path) -> None:
    table = {"X": X, "digit": RNG.integers(0, 3, 7)}
    model = st.Model("digit ~ softmax(dense(tanh(dense(X, 5)), 3))", "cross_entropy").fit(table, epochs=3, seed=1)
    written = models.network([4, 5, 3], output="softmax", target="digit").fit(table, epochs=3, seed=1)
    assert model.prediction is written.prediction
    for name, value in written.params.items():
        np.testing.assert_array_equal(model.params[name], value)
    assert model.check(table).ok
    model.save(tmp_path / "m.safetensors")
    back = st.load(tmp_path / "m.safetensors")
    assert back.formula == model.formula
    assert back.prediction is model.prediction
    np.testing.assert_array_equal(back.predict(table), model.predict(table))
    assert model.names == ("digit", "X")


def test_dense_of_a_column_of_numbers_fits_a_curve() -> None:
    """One hidden layer on one column: sin on [−2, 2] to better than 0.05."""
    x = np.linspace(-2, 2, 41)
    model = st.Model("y ~ sum(dense(tanh(dense(x, 12)), 1))").fit(
        {"x": x, "y": np.sin(x)}, rate=0.1, epochs=8000, seed=2
    )
    assert np.abs(model.predict({"x": x}) - np.sin(x)).max() < 0.05


def test_dense_beside_a_column_of_that_name() -> None:
    """As any function's name, a column's goes between backticks; it is written so again."""
    assert names_in("y ~ dense(x, 3)*`dense` + w") == ("y", "x", "dense", "w")
    assert guess_data("y ~ sum(dense(tanh(dense(x, 3)), 1)) + b") == ["y", "x"]
    found = parse("`dense`*w", data=["dense"])
    assert str(found) == "`dense`*w"
    assert parse(str(found), data=["dense"]) is found
    model = st.Model("y ~ sum(dense(`dense`, 3))").fit({"dense": [0.0, 1], "y": [1.0, 2]}, epochs=1)
    assert model.data == ("dense", "y")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dense(X)", "dense takes the inputs and a size, as dense(X, 32), not 1"),
        ("dense()", "not 0"),
        ("dense(X, 3, 4)", "not 3"),
        ("dense(X, 2.5)", "whole number from 1"),
        ("dense(X, 0)", "whole number from 1"),
        ("dense(X, -3)", "whole number from 1"),
        ("dense(X, k)", "whole number from 1"),
        ("dense(X, 2 + 1)", "whole number from 1"),
        ("dense(X, inf)", "whole number from 1"),
        ("dense(X, 1e300)", "more than 10,000,000 weights"),
        ("dense(X, 1e9)", "more than 10,000,000 weights"),
        ("dense(q, 3)", "needs a data column in its inputs; declare data={'q': …}"),
        ("dense(3, 3)", "needs a data column in its inputs"),
        ("dense(M, 3)", "not the shape (2, 3)"),
        ("dense*X", "dense is a function"),
        ("dens(X, 3)", "no function 'dens'; did you mean 'dense'?"),
        ("dense(X, 3) @ X", "cannot multiply"),
    ],
)
def test_errors_of_dense(text: str, says: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text, data={"X": 4, "M": (2, 3)})
    assert says in str(caught.value)
    assert "^" in str(caught.value)


def test_the_limit_of_weights_may_be_raised() -> None:
    limits = Limits(weights=11)
    assert parse("dense(X, 2)", {"X": 4}, limits=limits).shape == (2,)
    with pytest.raises(FormulaError, match="more than 11 weights"):
        parse("dense(X, 3)", {"X": 4}, limits=limits)


def test_dense_is_no_target() -> None:
    with pytest.raises(ModelError, match="not a column"):
        st.Model("dense(x, 2) ~ x").fit({"x": [1.0]})


@pytest.mark.parametrize(
    ("output", "cost"),
    [("linear", "mse"), ("sigmoid", "cross_entropy"), ("softmax", "cross_entropy"), ("tanh", "mse"), ("2*z", "mse")],
)
def test_the_cost_goes_by_the_output_not_by_what_is_inside(output: str, cost: str) -> None:
    """A linear output of a hidden sigmoid begins with sigmoid, too."""
    model = st.models.network([3, 4, 2], "sigmoid", output)
    assert model.cost_name == cost
    assert leaves([model.target])[0].shape == (() if output == "softmax" else (2,))
