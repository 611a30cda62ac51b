"""The words of other libraries: each works or is answered, and no hint names something else."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import lark
import optax
import pytest
import scipy.optimize
from sklearn.linear_model import LogisticRegression, SGDRegressor
from sklearn.neural_network import MLPClassifier

import steepest as st
from command_line import Steepest
from command_line import steepest as steepest
from steepest.expressions.operations import FUNCTIONS
from steepest.messages.hints import nearest
from steepest.messages.registry import Registry
from steepest.messages.vocabulary import ALIASES, SENTENCES, hint, ours, setting
from steepest.objectives.activations import function_of
from steepest.objectives.costs import COSTS
from steepest.training.initialisers import SCHEMES
from steepest.training.optimisers import OPTIMISERS
from steepest.training.schedules import SCHEDULES

assert lark  # the formula language, which no registry may need
REGISTRIES: dict[str, Registry[Any]] = {registry.kind: registry for registry in (COSTS, OPTIMISERS, SCHEMES, SCHEDULES)}
SETTINGS = {
    *inspect.signature(st.descend).parameters, *inspect.signature(st.Model.__init__).parameters,
    "layers", "activation", "output", "l1", "l2", "schedule", "check",
}  # fmt: skip
PEERS = {
    "MLPClassifier": MLPClassifier().get_params(),
    "SGDRegressor": SGDRegressor().get_params(),
    "LogisticRegression": LogisticRegression().get_params(),
    "curve_fit": inspect.signature(scipy.optimize.curve_fit).parameters,
    "minimize": inspect.signature(scipy.optimize.minimize).parameters,
    "least_squares": inspect.signature(scipy.optimize.least_squares).parameters,
}
NOT_SETTINGS = {"f", "fun", "args", "kwargs", "options", "jac_sparsity"}  # the function itself, and bags of others


@pytest.mark.parametrize("peer", PEERS)
def test_every_setting_of_a_peer_works_or_is_answered(peer: str) -> None:
    for word in PEERS[peer]:
        if word not in NOT_SETTINGS | SETTINGS:
            answered = hint("setting", word, SETTINGS)
            assert setting(word, SETTINGS) or (answered and "did you mean" not in answered), word


def test_every_optimiser_of_optax_works_or_is_answered() -> None:
    names = "adadelta adafactor adam adamax adamw adagrad amsgrad fromage lamb lars lbfgs lion nadam noisy_sgd novograd"
    for name in [*names.split(), "radam", "rmsprop", "rprop", "sgd", "sm3", "yogi"]:
        assert hasattr(optax, name)
        known = name in OPTIMISERS or ours("optimiser", name)
        assert known or "not offered" in hint("optimiser", name, OPTIMISERS)


@pytest.mark.parametrize("kind", ALIASES)
def test_every_alias_names_something_that_there_is(kind: str) -> None:
    for word, name in ALIASES[kind].items():
        if kind == "setting":
            assert setting(word, SETTINGS) == name or name in ("layers", "check"), word
        elif kind == "function":
            assert getattr(st, word) is FUNCTIONS[name]
        elif kind == "activation":
            assert function_of(word)(st.params("z", shape=2)).shape == (2,)
        else:
            assert REGISTRIES[kind].name_of(word) == name


@pytest.mark.parametrize("kind", SENTENCES)
def test_no_word_has_both_an_alias_and_a_sentence(kind: str) -> None:
    assert not SENTENCES[kind].keys() & ALIASES.get(kind, {}).keys()
    others = {"function": FUNCTIONS, "activation": FUNCTIONS, "setting": SETTINGS, "package": st.__all__}
    offered: Any = others.get(kind) or REGISTRIES[kind]
    assert not SENTENCES[kind].keys() & set(offered)


@pytest.mark.parametrize(
    ("kind", "word", "known", "not_said"),
    [
        ("setting", "lr", ["l1", "epochs"], "l1"),
        ("function", "cot", ["cos"], "cos'"),
        ("function", "lgamma", ["log"], "log'"),
        ("activation", "celu", ["relu"], "did you mean"),
        ("scheme of initial values", "glorot_uniform", ["glorot_normal", "glorot"], "glorot_normal"),
        ("cost", "logcosh", list(COSTS), "cross_entropy"),
        ("setting", "beta_1", list(SETTINGS), "rate"),
        ("optimiser", "radam", list(OPTIMISERS), "did you mean"),
    ],
)
def test_hints_go_by_meaning_first(kind: str, word: str, known: list[str], not_said: str) -> None:
    assert not_said not in hint(kind, word, known)


def test_hints_by_spelling_are_close() -> None:
    assert nearest("hour", ["hours", "x"]) == "; did you mean 'hours'?"
    assert nearest("lag", ["log"]) == "; did you mean 'log'?"
    assert nearest("lr", ["l1"]) == ""
    assert nearest("Height", ["weight", "height"]) == "; did you mean 'height'?"
    assert nearest("momentum", ["memory"]) == ""


def test_formulas_take_the_words() -> None:
    assert st.parse("logistic(x) + sgn(x)") is st.parse("sigmoid(x) + sign(x)")


def test_the_formulas_of_sentences_are_formulas() -> None:
    for word, sentence in SENTENCES["function"].items():
        before, _, formula = sentence.partition(" is written ")
        if formula and word != "logsumexp":
            assert st.parse(formula) is not None, before
    formulas = [sentence.partition(" the formula ")[2] for sentence in SENTENCES["cost"].values()]
    assert {"max(1 - target*prediction, 0)", "arctan((prediction - target)^2)"} <= set(formulas)
    for formula in filter(None, formulas):
        assert st.Model("y ~ x*w", formula, data=["x", "y"]).cost.parameters == ("w",), formula


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: st.models.network([2, 1], cost="mse", loss="bce"),
            "network() has 'loss' and 'cost', which are the",
        ),
        (lambda: st.descend(st.params("x") ** 2, loss="bce"), "descend() has 'loss' and 'cost', which are the same"),
        (lambda: st.Model("z ~ x*w").fit("nand", loss="bce"), "the cost is part of the model: Model(formula, cost=…)"),
        (lambda: st.models.network([2, 1], widht=3), "has no setting 'widht'"),
    ],
    ids=["network", "descend", "fit", "unknown"],
)
def test_a_word_that_collides_is_one_sentence(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(TypeError, match=re.escape(says)):
        call()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("grad", "st.gradient(cost) gives"), ("minimize", "st.descend(cost, table)"), ("train", "st.Model(formula)"),
        ("Sequential", "st.models.network([2, 3, 1])"), ("Adam", "optimiser='adam'"), ("Variable", "st.params('w')"),
        ("cot", "cos(x)/sin(x)"), ("sigmiod", "did you mean 'sigmoid'?"),
    ],
)  # fmt: skip
def test_names_of_other_packages_are_answered_by_meaning(name: str, says: str) -> None:
    with pytest.raises(AttributeError, match=re.escape(says)):
        getattr(st, name)


def test_answers_on_the_package_name_what_it_has() -> None:
    for sentence in SENTENCES["package"].values():
        for name in re.findall(r"st\.(\w+)", sentence):
            assert hasattr(st, name), name


def test_builders_take_the_words() -> None:
    model = st.models.network([2, 3, 1], activation_function="relu", loss="bce", l2=0.5)
    assert model.cost is st.models.network([2, 3, 1], activation="relu", cost="cross_entropy", weight_decay=0.5).cost


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--momentum", "write --optimiser momentum"),
        ("--alpha", "write --rate for the learning rate, or --l2 for the penalty"),
        ("--decay", "give a schedule, such as --rate exponential:0.95"),
        ("--early-stopping", "give --patience, with --validate"),
        ("--beta1", "in Python, write optimiser=optimisers.adam(beta1=…)"),
        ("--units", "in Python, write sizes of layers: models.network([inputs, …, outputs])"),
    ],
)
def test_the_command_line_speaks_of_options(steepest: Steepest, option: str, says: str) -> None:
    said = steepest("fit", "nand", option, "0.9")
    assert said.status == 2
    assert said.err.rstrip().endswith(f"there is no option {option}; {says}")


def test_no_hint_of_the_command_line_is_half_in_python(steepest: Steepest) -> None:
    """Each sentence on a setting is in options throughout, or says that it is about Python."""
    for word in SENTENCES["setting"]:
        said = steepest("fit", "nand", f"--{word.replace('_', '-')}", "1").err.splitlines()[-1]
        assert "=" not in said or "; in Python, " in said, said
        for flag in re.findall(r"(?<!option )--[a-z0-9-]+", said):
            assert flag in steepest("fit", "--help").out, said


def test_python_takes_the_words() -> None:
    x = st.params("x")
    found = st.descend((x - 3) ** 2, start={"x": 0}, learning_rate=0.25, max_iter=60, optimizer="SGD")
    assert found.params["x"] == pytest.approx(3)
    model = st.Model("y ~ x*w", loss="squared_error").fit("twice", lr=0.05, n_epochs=100)
    assert model.cost_name == "mse"
    assert model.params["w"] == pytest.approx(2, abs=1e-3)
    assert st.NetworkClassifier(hidden_layer_sizes=(3,), learning_rate_init=0.1).rate == 0.1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"lr": 1, "rate": 2}, r"descend\(\) has 'lr' and 'rate', which are the same; give one of them"),
        ({"momentum": 0.9}, r"descend\(\) has no setting 'momentum'; write optimiser='momentum'"),
        ({"learnig_rate": 0.9}, r"descend\(\) has no setting 'learnig_rate'; here it is called 'rate'"),
        ({"colour": 1}, r"descend\(\) has no setting 'colour'$"),
    ],
)
def test_unknown_settings_are_one_sentence(words: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        st.descend(st.params("x") ** 2, **words)


def test_the_command_line_takes_the_words(steepest: Steepest) -> None:
    ours_said = steepest("fit", "nand", "--rate", "0.5", "--epochs", "20", "--cost", "cross_entropy", "--json")
    said = steepest("fit", "nand", "--lr=0.5", "--max-iter", "20", "--loss", "bce", "--optimizer", "sgd", "--json")
    assert said.json["params"] == ours_said.json["params"]
    assert "note: --lr is called --rate here" in said.err


def test_unknown_options_are_answered_by_meaning(steepest: Steepest) -> None:
    assert (
        "there is no option --momentum; write --optimiser momentum" in steepest("fit", "nand", "--momentum", "0.9").err
    )
    said = steepest("fit", "nand", "--tolerence", "1e-3")
    assert "did you mean '--tolerance'?" in said.err
    assert said.status == 2


def test_words_are_compared_without_case_and_hyphens() -> None:
    assert ours("optimiser", "L-BFGS-B") == "lbfgs"
    assert OPTIMISERS.name_of("Adam") == "adam"
