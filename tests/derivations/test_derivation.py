"""Derivations: the notes' lines, and a numerical check of every step by the complex step, which knows no rules."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pytest

from mission_models import chain, line, neuron
from sampling import sampled
from steepest.calculus.gradient import gradient
from steepest.calculus.simplify import PRESENTATION
from steepest.derivations.line_by_line import DERIVATIVE, LEVELS, Derivation, derive
from steepest.engines import evaluate
from steepest.engines.reference import compile_expressions
from steepest.errors import DerivationError, ValuesError
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, data, leaf, params, substitute, toposort
from steepest.tables.values import bind
from strategies import make_case

STEP = 1e-30


def derivative(part: Expression, wrt: str, values: dict[str, Any], rows: int) -> Any:
    """∂part/∂wrt at the values, by the complex step; what stop_gradient holds stays at its value."""
    held = [node for node in toposort([part]) if node.operation is op.stop_gradient]
    stand_ins = {n: leaf(DATA if n.per_sample else PARAMETER, f"held {k}") for k, n in enumerate(held)}
    values = {**values, **{stand_in.name: evaluate(node, values) for node, stand_in in stand_ins.items()}}
    part = substitute(part, stand_ins)
    arrays = {name: array.astype(complex) for name, array in bind([part], values).arrays.items()}
    if wrt not in arrays:
        return 0.0
    arrays[wrt] = arrays[wrt] + 1j * STEP
    return np.imag(compile_expressions([part], "complex128")(arrays, rows)[0]) / STEP


def check_every_step(derivation: Derivation, values: dict[str, Any]) -> int:
    """Each step's two sides are equal at the values; how many were compared."""
    for step in derivation.steps:
        before = _with_rows(step.before, derivation, values)
        after = _with_rows(step.after, derivation, values)
        np.testing.assert_allclose(after, before, rtol=1e-10, atol=1e-12, err_msg=f"{step.rule}: {step.after}")
    return len(derivation.steps)


def _with_rows(written: Expression, derivation: Derivation, values: dict[str, Any]) -> Any:
    """The value of a line as an array over the samples, so that a constant line and a per-sample one compare."""
    rows = max((len(np.atleast_1d(values[name])) for name in derivation.expression.data), default=1)
    anchor = leaf(DATA, "anchor of the samples")
    open_parts = [node for node in toposort([written]) if node.operation is DERIVATIVE]
    stand_ins = {node: leaf(DATA if node.per_sample else PARAMETER, f"open {k}") for k, node in enumerate(open_parts)}
    worth = {
        stand_in.name: derivative(node.args[0], derivation.wrt, values, rows) for node, stand_in in stand_ins.items()
    }
    whole = substitute(written, stand_ins) + 0 * anchor
    return evaluate(whole, {**values, **worth, anchor.name: np.zeros(rows)})


def rules(derivation: Derivation) -> list[str]:
    return [step.rule for step in derivation.steps]


# -- the notes -------------------------------------------------------------------------------------------------


def test_a2_line_by_line() -> None:
    """A, eqs 5 to 12: sum rule, power and chain rule, linear rest."""
    cost, _ = line()
    assert str(derive(cost, "w")).splitlines() == [
        "C = 1/n Σ (x_i·w − y_i)²",
        "",
        "∂C/∂w = ∂/∂w[1/n Σ (x_i·w − y_i)²]",
        "      = 1/n Σ ∂/∂w[(x_i·w − y_i)²]                sum rule",
        "      = 1/n Σ 2·(x_i·w − y_i)·∂/∂w[x_i·w − y_i]   power rule, chain rule",
        "      = 1/n Σ 2·(x_i·w − y_i)·x_i                 sum rule, constant factor rule",
    ]


def test_a2_full_has_the_notes_extra_line() -> None:
    """A, eq 8 takes 1/n out before the sum (eq 9): the full level has both lines."""
    cost, _ = line()
    right_sides = [str(step.after) for step in derive(cost, "w", level="full").steps]
    assert right_sides[:2] == [
        "1/count()*derivative(total((x*w - y)^2), w)",
        "1/count()*total(derivative((x*w - y)^2, w))",
    ]


@pytest.mark.parametrize(("wrt", "inner"), [("w1", "·x_i"), ("w2", "·y_i"), ("b", "")])
def test_a3_line_by_line(wrt: str, inner: str) -> None:
    """A, eqs 18 to 55 for each of the three parameters: first ∂a, then ∂C with ∂a put in."""
    cost, _ = neuron()
    z = "x_i·w1 + y_i·w2 + b"
    rights = [row.split(" = ", 1)[1].split("   ")[0].strip() for row in str(derive(cost, wrt)).splitlines() if row]
    assert rights == [
        f"σ({z})",
        "1/n Σ (a_i − z_i)²",
        f"∂/∂{wrt}[σ({z})]",
        f"a_i·(1 − a_i)·∂/∂{wrt}[{z}]",
        f"a_i·(1 − a_i){inner}",
        f"∂/∂{wrt}[1/n Σ (a_i − z_i)²]",
        f"1/n Σ ∂/∂{wrt}[(a_i − z_i)²]",
        f"1/n Σ 2·(a_i − z_i)·∂/∂{wrt}[a_i − z_i]",
        f"1/n Σ 2·(a_i − z_i)·∂/∂{wrt}[a_i]",
        f"1/n Σ 2·(a_i − z_i)·a_i·(1 − a_i){inner}",
    ]


def test_a3_in_latex() -> None:
    """The lines of A3 for w1 in the notes' notation."""
    cost, _ = neuron()
    text = derive(cost, "w1").latex()
    assert text.startswith("\\begin{align*}\n")
    assert text.endswith("\n\\end{align*}")
    assert r"a_{i} &= \sigma\left(x_{i} \cdot w_{1} + y_{i} \cdot w_{2} + b\right)" in text
    assert r"\partial_{w_{1}} C &= \partial_{w_{1}} \left(\frac{1}{n} \sum_{i=1}^{n}" in text
    assert r"2 \cdot \left(a_{i} - z_{i}\right) \cdot \partial_{w_{1}} a_{i}" in text
    assert r"2 \cdot \left(a_{i} - z_{i}\right) \cdot a_{i} \cdot \left(1 - a_{i}\right) \cdot x_{i}" in text
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")


def test_markdown_holds_every_line_once() -> None:
    cost, _ = neuron()
    derivation = derive(cost, "b")
    text = derivation.markdown()
    # Two definitions, and for each of the two parts its first line and its steps.
    assert text.count("$$") == 2 * (2 + 2 + len(derivation.steps))
    assert "Power rule, chain rule:" in text


def test_chain_names_its_layers() -> None:
    """B2: a1 feeds a2; the derivative by w1 goes through both, that by w2 treats a1 as a constant."""
    cost, _ = chain(2)
    by_w1, by_w2 = derive(cost, "w1"), derive(cost, "w2")
    assert [part.name for part in by_w1.parts] == ["a1", "a2", "C"]
    assert [part.name for part in by_w2.parts] == ["a2", "C"]
    assert "= 1/n Σ 2·(a2_i − y_i)·a2_i·(1 − a2_i)·w2·a1_i·(1 − a1_i)·x_i" in str(by_w1)
    assert "= 1/n Σ 2·(a2_i − y_i)·a2_i·(1 − a2_i)·a1_i" in str(by_w2)
    assert "a^{(2)}_{i}" in by_w1.latex()


# -- every step, numerically -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Formula:
    cost: Expression
    values: dict[str, Any]


x, y, u, v, w = *data("x", "y"), *params("u", "v", "w")
COLUMNS = {"x": [0.3, -1.2, 2.1], "y": [0.7, 0.2, -0.4]}
POINT = {**COLUMNS, "u": 0.6, "v": -0.8, "w": 1.3}
WRITTEN = [
    w**3 - 2 * w + 5, (u * w - v) ** 2, u * v * w, w / (1 + w**2), (u + w) / (v - w), 1 / w, -w, -(w * w), 3 - w,
    op.exp(-w) * w**2, op.log(1 + w**2), op.log1p(w * u), op.expm1(u * w), op.sqrt(w + u), op.sin(u * w) * op.cos(w),
    op.arctan(u * w) * w, op.arctan(1 / w),
    op.tanh(w * v) ** 2, op.sigmoid(u * w + v), op.softplus(w - 2 * u), op.relu(w * u) + op.relu(v * w),
    op.leaky_relu(v * w), abs(v * w), op.sign(w) * w, op.step(w) * w**2, op.maximum(w**2, u), op.minimum(w**2, u * w),
    op.where(w > u, w**2, u), w**u, u**w, w**w, (1 + w**2) ** (u * w), 2**w, (w > 0) * w, (u <= w) + w,
    (w >= u) * w, (w < u) * w + w, op.equal(w, u) * w + w, op.not_equal(w, u) * w,
    op.stop_gradient(w**2) * w, op.mean((x * w - y) ** 2), op.total(op.sigmoid(x * w) * y) / op.count(),
    op.mean(-(y * op.log(op.sigmoid(x * w + u)) + (1 - y) * op.log(1 - op.sigmoid(x * w + u)))),
    op.mean((op.tanh(op.sigmoid(x * w + u) * v) - y) ** 2), op.mean(x * w) ** 2 + w, op.total((x * w) ** 2) * u,
    op.sin(op.cos(op.exp(w * u))), w * op.log(w) - w, ((u + 1) * (w + 2)) * ((v + 3) * w),
    w * (2 * (w * 3)), (w * 1 + 0) ** 1,
]  # fmt: skip


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("k", range(len(WRITTEN)), ids=[str(formula)[:50] for formula in WRITTEN])
def test_every_step_of_written_formulas(k: int, level: str) -> None:
    """Both sides of each step, and the result against back-propagation."""
    cost = WRITTEN[k]
    for wrt in cost.parameters:
        derivation = derive(cost, wrt, level)
        assert check_every_step(derivation, POINT) or str(derivation.result) in ("0", "1")
        expected = evaluate(gradient(cost, [wrt])[wrt], POINT)
        np.testing.assert_allclose(evaluate(derivation.result, POINT), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("part", sampled(range(3), 3))
def test_every_step_of_random_formulas(part: int) -> None:
    """75 random formulas of numbers over samples, at every level by turns."""
    random = Random(20 + part)
    compared = derived = 0
    vectors = [row.name for row in op.TABLE if row.shape is not None and not row.over_samples]
    while derived < 75:
        case = make_case(random, without=[*vectors, "total_outer", "one_hot"])
        if any(node.shape for node in toposort([case.cost])) or not case.cost.parameters:
            continue  # the maker also draws vectors, whose derivation is refused
        derived += 1
        wrt = case.cost.parameters[derived % len(case.cost.parameters)]
        derivation = derive(case.cost, wrt, LEVELS[derived % len(LEVELS)])
        compared += check_every_step(derivation, case.values)
        expected = evaluate(gradient(case.cost, [wrt])[wrt], case.values)
        anchored = derivation.result + sum((0 * op.mean(data(name)) for name in case.cost.data), 0 * params(wrt))
        np.testing.assert_allclose(evaluate(anchored, case.values), expected, rtol=1e-8, atol=1e-11)
    assert compared > 160


def test_named_rules_all_occur() -> None:
    """Each rule of simplify that a derivation may name is used by one of the full derivations above."""
    used = {rule for cost in WRITTEN for wrt in cost.parameters for rule in rules(derive(cost, wrt, "full"))}
    # These are already done inside a partial derivative, before a line shows it.
    seldom = {"power 1 or 0", "double negation", "base not 0", "known choice"}
    assert {rule.name for rule in PRESENTATION} - used <= seldom


@pytest.mark.parametrize("name", [row.name for row in op.TABLE if row.differential and row.arity > 1])
def test_a_wrong_rule_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numerical check can fail: with a textbook form that is off by 0.1 %, it does."""
    row = next(row for row in op.TABLE if row.name == name)
    right = row.differential
    assert right is not None
    object.__setattr__(row, "differential", lambda *args: right(*args) * 1.001)
    try:
        formulas = [f for f in WRITTEN if any(node.operation is row for node in toposort([f]))]
        assert formulas
        caught = 0
        for formula in formulas:
            for wrt in formula.parameters:
                try:
                    check_every_step(derive(formula, wrt, "full"), POINT)
                except AssertionError:
                    caught += 1
        assert caught
    finally:
        object.__setattr__(row, "differential", right)


# -- form and errors -------------------------------------------------------------------------------------------


def test_steps_join() -> None:
    """Within a part each step begins where the one before ended, and the last one ends in the part's result."""
    cost, _ = neuron()
    for level in LEVELS:
        for part in derive(cost, "w2", level).parts:
            for before, after in zip(part.steps, part.steps[1:], strict=False):
                assert before.after is after.before
            assert part.steps[-1].after is part.result


def test_full_has_one_rule_a_line() -> None:
    cost, _ = neuron()
    full, terse = derive(cost, "w1", "full"), derive(cost, "w1")
    assert len(full.steps) > len(terse.steps)
    assert not any(", " in rule and "chain rule" not in rule for rule in rules(full))


def test_names_given() -> None:
    inner = x * w + u
    text = str(derive(op.mean(op.sin(inner) ** 2), "w", names={"s": inner}))
    assert text.startswith("s_i = x_i·w + u\nC   = 1/n Σ sin(s_i)²")
    assert "∂s_i/∂w = " in text


def test_a_letter_that_is_taken_is_not_used() -> None:
    a = params("a")
    assert list(derive(op.mean(op.sigmoid(x * a)), "a").names.values()) == ["h"]


def test_data_can_be_differentiated_by() -> None:
    found = derive(op.mean(x**2 * w), "x")
    assert str(found.result) == "mean(2*w*x)"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: derive(w**2, "q"), ["'q'", "does not occur"]),
        (lambda: derive(w**2, "w", level="short"), ["'short'", "'terse', 'textbook', 'full'"]),
        (lambda: derive(op.sum_(params("W", shape=3) ** 2), "W"), ["shape (3,)", "W"]),
        (lambda: derive(sum((w**k for k in range(2, 1500)), w), "w"), ["not readable", "st.gradient"]),
    ],
)
def test_errors_name_thing_and_remedy(call: Any, words: list[str]) -> None:
    with pytest.raises(DerivationError) as caught:
        call()
    assert all(word in str(caught.value) for word in words)


def test_a_name_that_stands_for_two_things() -> None:
    with pytest.raises(ValuesError, match="is used twice"):
        derive(op.mean(data("w") * w), "w")


def test_names_in_rules_are_text() -> None:
    r"""Not commands of LaTeX, nor markup of Markdown."""
    name = r"\input{x} <b>"
    found = derive(op.mean(op.sigmoid(data("x") * params(name)) ** 2), name)
    assert any(name in step.rule for step in found.steps)
    assert r"\input" not in found.latex()
    assert r"\text{insert }\partial \text{a/}\partial \text{\textbackslash{}input\{x\} <b>}" in found.latex()
    assert "<b>" not in found.markdown()
    assert r"Insert ∂a/∂\\input\{x\} &lt;b&gt;:" in found.markdown()


def test_rules_say_where_factors_cancel_and_terms_meet() -> None:
    """σ under a cross-entropy: 1/a meets a·(1 − a), and what is left is a − y."""
    x, y = data("x", "y")
    w = params("w")
    a = op.sigmoid(w * x)
    found = rules(derive(op.mean(-(y * op.log(a) + (1 - y) * op.log(1 - a))), "w"))
    assert found[-1] == "multiply out, like terms cancel, take out common factors"
    assert [rule for rule in found if "insert" in rule] == ["insert ∂a/∂w, cancel"] * 2
    assert rules(derive(op.mean((a - y) ** 2), "w"))[-1] == "insert ∂a/∂w"
