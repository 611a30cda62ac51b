"""Layered derivations: every equation of every form at random points, against JAX, and with faults planted."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from sampling import sampled
from steepest import models
from steepest.derivations import indices, rules
from steepest.derivations.layered import derive_layers
from steepest.derivations.lines import Form, Line, Passage, formula
from steepest.derivations.notation import PARTIAL
from steepest.derivations.point_values import Truth
from steepest.derivations.verification import verify
from steepest.errors import DerivationError
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, substitute, toposort

EXACT = 1e-12  # both sides are exact to rounding; the smallest fault planted here is 1e-2

MODELS: dict[str, Callable[[], st.Model]] = {
    "chain of 2": lambda: models.chain(2),
    "chain of 5": lambda: models.chain(5),
    "chain of tanh": lambda: models.chain(3, "tanh"),
    "chain without biases": lambda: st.Model("y ~ tanh(x*w)*v", data=["x", "y"], cost="huber"),
    "chain whose last layer differs": lambda: st.Model(
        "y ~ sigmoid(w5*tanh(w4*tanh(w3*tanh(w2*tanh(w1*x + b1) + b2) + b3) + b4) + b5)", data=["x", "y"], cost="mse"
    ),
    "line": lambda: st.Model("y ~ x*w + b", data=["x", "y"]),
    "2-2-1": lambda: models.network([2, 2, 1], activation="sigmoid", cost="mse"),
    "2-3-1": lambda: models.network([2, 3, 1]),
    "64-32-10": lambda: models.network([64, 32, 10], output="softmax"),
    "softmax under a squared error": lambda: models.network([3, 4, 3], output="softmax", cost="mse"),
    "softmax with weights": lambda: models.network([3, 4, 3], output="softmax", weights="weight"),
    "deep relu": lambda: models.network([4, 3, 3, 3, 2], activation="relu", output="linear"),
    "mixed": lambda: models.network([3, 5, 4, 2], activation=["z*sigmoid(z)", "tanh"], output="sigmoid"),
    "penalties": lambda: models.network([3, 4, 2], output="linear", l1=0.1, l2=0.2),
    "deep with penalty": lambda: models.network([3, 4, 4, 4, 4, 2], output="linear", cost="mae", l1=0.1),
    "poisson": lambda: models.network([3, 4], output="softplus", cost="poisson"),
    "class weights": lambda: models.network([2, 2, 1], class_weight="balanced"),
    "loss of a formula": lambda: models.network([2, 3, 2], output="linear", cost="(prediction - target)^4"),
}


@pytest.mark.parametrize("name", sampled(MODELS, 3))
def test_every_equation_holds(name: str) -> None:
    derivation = derive_layers(MODELS[name]())
    found = derivation.verify()
    assert set(found) >= {"indices"}
    for form, verification in found.items():
        assert verification.error < EXACT, (form, verification.worst)
        assert verification.equations >= len(derivation[form].lines) > 0


def _lines(form: Form) -> list[tuple[int, int]]:
    return [(k, j) for k, passage in enumerate(form.passages) for j in range(len(passage.lines))]


def _with(form: Form, place: tuple[int, int], line: Line) -> Form:
    passages = list(form.passages)
    old = passages[place[0]]
    lines = (*old.lines[: place[1]], line, *old.lines[place[1] + 1 :])
    passages[place[0]] = Passage(old.text, lines, old.numbers)
    return Form(form.name, form.title, tuple(passages))


def _is_one(node: Expression) -> bool:
    """∂z/∂b, or the sum of the indicators: both are 1, so that to drop them is no fault."""
    if formula(node).text in ("t_i 1", "Σ_j t_ij"):
        return True
    return node.operation is PARTIAL and "/∂b^" in formula(node).text


def _spoilt(right: Expression, chance: random.Random) -> Expression:
    """A side with one fault of a kind that hand derivations have."""
    kinds: list[Expression] = [2 * right, -right, right * 1.05]
    # Within ∂/∂x[…] a fault may leave the slope as it was.
    inner = [node for node in toposort([right], stop=lambda each: each.operation is PARTIAL) if node.args]
    for node in inner:
        row = node.operation
        if row in (op.multiply, op.add, op.subtract) and not any(map(_is_one, node.args)):
            kinds += [substitute(right, {node: arg}) for arg in node.args if arg.shape == node.shape]
        if row is op.transpose and node.shape == node.args[0].shape:
            kinds.append(substitute(right, {node: node.args[0]}))
        if row is op.subtract:
            kinds.append(substitute(right, {node: node.args[0] + node.args[1]}))
    return chance.choice(kinds)


@pytest.mark.parametrize("name", sampled(["chain of 2", "chain of 5", "2-3-1", "64-32-10", "mixed"], 5, 2))
def test_every_fault_in_a_line_is_seen(name: str) -> None:
    """Each line of each form in turn gets a fault, drawn at random; a check that cannot fail would let one pass."""
    chance = random.Random(name)
    derivation = derive_layers(MODELS[name]())
    for form in derivation.forms:
        for place in _lines(form):
            line = form.passages[place[0]].lines[place[1]]
            wrong = Line(line.left, _spoilt(line.right, chance), line.rule)
            found = verify(derivation.problem, _with(form, place, wrong), points=1)
            said = f"{form.name}: {formula(line.right).text} -> {formula(wrong.right).text}"
            assert found.error > 1e-3, said
            assert found.worst, said


WRONG_ROWS: dict[str, tuple[Any, str, Any]] = {
    "slope of tanh": (op.tanh, "partials", (lambda x, r: 1 - r,)),
    "slope of sigmoid by 5 %": (op.sigmoid, "partials", (lambda x, r: 1.05 * r * (1 - r),)),
    "slope of log": (op.log, "partials", (lambda x, r: -1 / x,)),
    "power rule": (op.power, "partials", (lambda x, y, r: x ** (y - 1), lambda x, y, r: r)),
    "difference": (op.subtract, "differential", lambda x, y, dx, dy: dx + dy),
    "product by its first factor": (
        op.matmul, "adjoints", (lambda adj, a, b, r: adj @ b, lambda adj, a, b, r: op.outer(a, adj)),
    ),
    "product by its second factor": (
        op.matmul, "adjoints", (lambda adj, a, b, r: adj @ op.transpose(b), lambda adj, a, b, r: op.outer(adj, a)),
    ),
    "softmax": (op.softmax, "adjoints", (lambda adj, x, r: r * adj,)),
}  # fmt: skip


@pytest.mark.parametrize("name", sampled(WRONG_ROWS, 3))
def test_a_wrong_rule_of_the_table_is_seen(name: str) -> None:
    row, field, value = WRONG_ROWS[name]
    before = getattr(row, field)
    object.__setattr__(row, field, value)
    square = "product" in name  # between layers of one width a missing transpose does not show in the shapes
    try:
        which = ["chain of tanh", "2-3-1", "64-32-10", "mixed", "loss of a formula"]
        cases = [models.network([4, 4, 4, 4])] if square else [MODELS[each]() for each in which]
        errors = []
        for model in cases:
            try:
                errors += [each.error for each in derive_layers(model).verify(points=1).values()]
            except st.SteepestError:  # shapes that do not fit end the derivation already
                errors.append(float("inf"))
        assert max(errors) > 1e-3
    finally:
        object.__setattr__(row, field, before)


def test_a_wrong_rule_of_index_notation_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(line: Expression) -> tuple[Expression, str]:
        found, rule = collapsed(line)
        return (2 * found if rule else found), rule

    collapsed = rules.collapsed
    monkeypatch.setattr(indices, "collapsed", wrong)
    assert derive_layers(MODELS["2-3-1"]()).verify(points=1)["indices"].error > 1e-3


def test_the_truth_is_that_of_jax() -> None:
    """Values and Jacobians that the equations are held against, for a network with a softmax."""
    derivation = derive_layers(models.network([3, 4, 3], activation="tanh", output="softmax"))
    truth = Truth(derivation.problem, np.random.default_rng(7))
    X, y = truth.numbers["X"], truth.numbers["y"].astype(int)
    W1, b1, W2, b2 = (truth.numbers[name] for name in ("W1", "b1", "W2", "b2"))
    jax.config.update("jax_enable_x64", True)

    def losses_of_z1(z: Any) -> Any:
        z2 = jnp.tanh(z) @ W2 + b2
        return -jax.nn.log_softmax(z2)[jnp.arange(len(y)), y]

    def cost(w: Any) -> Any:
        return losses_of_z1(X @ w + b1).mean()

    np.testing.assert_allclose(truth.whole("z", 1), X @ W1 + b1, rtol=1e-13)
    np.testing.assert_allclose(truth.whole("ℓ", 0), losses_of_z1(X @ W1 + b1), rtol=1e-12)
    np.testing.assert_allclose(truth.jacobian(("C", 0), ("w", 1)), jax.grad(cost)(W1), rtol=1e-11, atol=1e-15)
    whole = jax.jacobian(losses_of_z1)(X @ W1 + b1)
    each = np.einsum("iij->ij", whole)
    np.testing.assert_allclose(truth.jacobian(("ℓ", 0), ("z", 1)), each, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(
        truth.jacobian(("z", 2), ("a", 1)), np.broadcast_to(W2.T, (len(X), *W2.T.shape)), rtol=1e-13
    )


def _at(form: Form, truth: Truth, label: str) -> Any:
    line = next(line for line in form.lines if line.label == label)
    return truth.array_value(line.right, 0)


def test_xor_of_the_notes() -> None:
    """Row D4: the last lines of the matrices, at the notes' parameters, give the notes' gradient (recomputed)."""
    derivation = derive_layers(models.network([2, 3, 1]))
    truth = Truth(derivation.problem, np.random.default_rng(0))
    truth.rows = 4
    truth.numbers = {
        "X": np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), "y": np.array([0.0, 1, 1, 0]),
        "W1": np.array([[0.5, -0.4, 0.2], [0.3, 0.8, -0.7]]), "b1": np.array([0.1, -0.2, 0.05]),
        "W2": np.array([[0.7], [-0.6], [0.4]]), "b2": np.array([0.05]), "ω": np.ones(4), "u": np.array(0.3),
    }  # fmt: skip
    truth.problem = derivation.problem
    truth.layers = derivation.problem.layers
    form = derivation["matrices"]
    printed = 1e-12
    W1 = [[0.0108130806424, -0.0494984559789, 0.0182750289330], [-0.0354212999701, -0.0219369363924, 0.0089030181238]]
    np.testing.assert_allclose(_at(form, truth, "matrices-dW1"), W1, atol=printed)
    np.testing.assert_allclose(
        _at(form, truth, "matrices-dW2").ravel(), [0.0219970705775, -0.0345958627846, 0.0088126017206], atol=printed
    )
    np.testing.assert_allclose(_at(form, truth, "matrices-db2"), [0.0677881428681], atol=printed)
    columns = derivation["columns"].lines
    left = [None if line.left is None else formula(line.left).text for line in columns]
    text = [f"{name} = {formula(line.right).text}" for name, line in zip(left, columns, strict=True)]
    assert formula(next(line.right for line in columns if line.label == "columns-delta-top")).text == "A^[2] − Y"
    assert "dW^[2] = 1/n dZ^[2] A^[1]ᵀ" in text
    assert "dZ^[1] = (W^[2]ᵀ dZ^[2]) ⊙ (1 − A^[1]²)" in text
    assert "dW^[1] = 1/n dZ^[1] Xᵀ" in text


def test_cross_entropy_and_sigmoid_end_at_prediction_minus_target() -> None:
    """dZ2 = A2 − Y, step by step: the slope of the loss, that of σ, what cancels, what is left."""
    lines = derive_layers(models.network([2, 3, 1]))["indices"].lines
    start = next(k for k, line in enumerate(lines) if line.left is not None and formula(line.left).text == "δ^(2)_i")
    steps = [(formula(line.right).text, line.rule) for line in lines[start : start + 5]]
    rules = ["definition of δ", "chain rule", "insert", "cancel", "multiply out, like terms cancel"]
    assert [rule for _, rule in steps] == rules
    assert steps[-1][0] == "a^(2)_i − y_i"


def test_softmax_ends_at_probabilities_minus_indicators() -> None:
    lines = derive_layers(models.network([4, 3, 5], output="softmax"))["indices"].lines
    ends = [formula(line.right).text for line in lines if line.label == "indices-delta-top"]
    assert ends == ["a^(2)_ik − t_ik"]


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_layer_wise_slopes_are_powers_of_two_of_the_gradient(depth: int) -> None:
    """Row B4: the factor printed for each layer is 2^(m−l), and every equation of the recursion holds."""
    form = derive_layers(models.chain(depth), symbolic=False)["layerwise"]
    said = [formula(line.right).text for line in form.lines if re.search("factor 2|no layer above", line.rule)]
    factors = [f"{2**k}·" if k else "" for k in range(depth)]
    assert said == [f"{factor}∂C/∂{p}^({depth - k})" for k, factor in enumerate(factors) for p in "wb"]


def test_symbolic_chains_are_written_once_for_all_layers() -> None:
    form = derive_layers(models.chain(9))["indices"]
    assert len(form.lines) < 40
    text = str(derive_layers(models.chain(9)))
    assert "δ^(l+1)_i·w^(l+1)" in text
    assert "2^(m-l)·∂C/∂w^(l)" in text


@pytest.mark.parametrize(
    "model",
    [
        models.neuron(),
        st.Model("y ~ x*w*w", data=["x", "y"]),
        st.Model("y ~ sigmoid(x*w)*w", data=["x", "y"]),
        st.Model("y ~ x*w", cost=lambda p, t: st.total((p - t) ** 2), data=["x", "y"]),
    ],
)
def test_what_is_no_chain_of_layers_is_refused(model: st.Model) -> None:
    with pytest.raises(DerivationError, match="not made of layers"):
        derive_layers(model)


def test_forms_are_asked_for_by_name() -> None:
    derivation = models.chain(2).derivation()
    assert derivation["indices"].name == "indices"
    with pytest.raises(DerivationError, match=r"no form .matrix.; it has activations, indices"):
        derivation["matrix"]
