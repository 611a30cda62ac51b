"""A table is read once and a cost derived once on the way from the command line to the fitted model."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from command_line import Steepest
from command_line import steepest as steepest
from steepest import cli, models, papers  # noqa: F401 - loaded, so that their names are counted
from steepest.calculus import gradient, program, stability
from steepest.calculus.prepared import _kept
from steepest.tables import table


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls of what reads tables and derives costs, wherever a module has imported it."""
    found: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **settings: Any) -> Any:
            found[name] += 1
            if name == "gradient":
                found[f"gradient of {args[0]}"] += 1
            return function(*args, **settings)

        return call

    functions = {
        "open": table.open_table, "gradient": gradient.differentiate, "backward pass": gradient.backward_pass,
        "stabilise": stability.stabilise, "lower": program.lower,
    }  # fmt: skip
    modules = [module for name, module in sys.modules.items() if name.startswith("steepest")]
    for name, function in functions.items():
        replacement = counted(name, function)
        for module in modules:
            for alias, value in list(vars(module).items()):
                if value is function:
                    monkeypatch.setattr(module, alias, replacement)
    monkeypatch.setattr(table.Table, "select", counted("select", table.Table.select))
    _kept.cache_clear()  # other tests may have prepared the same cost
    return found


def most_derived(calls: Counter[str]) -> int:
    """Return how often the expression that was differentiated most often was."""
    return max(count for name, count in calls.items() if name.startswith("gradient of "))


@pytest.mark.parametrize("words", [["nand"], ["nand", "--rate", "auto"], ["nand", "--optimiser", "lbfgs"]])
def test_a_fit_reads_its_table_once_and_derives_its_cost_once(
    steepest: Steepest, calls: Counter[str], words: list[str]
) -> None:
    assert steepest("fit", *words, "--epochs", "3").status == 0
    assert calls["open"] == calls["select"] == 1
    assert most_derived(calls) == 1
    # The cost, its residuals, what their Jacobian leaves out of the Hessian matrix, and the product of that.
    assert calls["gradient"] == calls["backward pass"] == 4
    assert calls["stabilise"] <= 8
    assert calls["lower"] <= 11


def test_restarts_share_one_prepared_cost(steepest: Steepest, calls: Counter[str]) -> None:
    assert steepest("fit", "xor", "--epochs", "3", "--restarts", "4").status == 0
    assert calls["open"] == calls["select"] == most_derived(calls) == 1


def test_the_counts_see_every_call(calls: Counter[str]) -> None:
    """The counters count: a model that is fitted, checked and evaluated one after another reads its table each time."""
    model = models.Model("z ~ sigmoid(x*w1 + y*w2 + b)").fit("nand", epochs=1)
    model.check("nand")
    model.evaluate("nand")
    assert calls["open"] == calls["select"] == 3
    assert most_derived(calls) == 1
