"""How long are warm fits of small formulas compared with SciPy and scikit-learn, and epochs of searching methods?

A fit is repeated in one process, on the same table, as in a search or a bootstrap. Peers have their default settings;
both must end at the same parameters. An epoch is the difference between descents of many and of few epochs, divided by
the epochs between them, with the record of costs and parameters.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from timing import Options, RefusedError, Times, benchmark, interleaved, ratio, seconds, table

RNG = np.random.default_rng(0)
X = np.linspace(0, 5, 60)
Y = 3 * np.exp(-X / 1.3) + 1 + 0.05 * RNG.normal(size=60)


def regressor() -> dict[str, Callable[[], Any]]:
    """A curve of 3 parameters through 60 rows."""
    from scipy.optimize import curve_fit

    from steepest.models.estimators import FormulaRegressor

    own = FormulaRegressor("y ~ a*exp(-x0/tau) + c", start={"a": 1.0, "tau": 1.0, "c": 0.0})
    table_of_one = X[:, None]

    def ours() -> Any:
        found = own.fit(table_of_one, Y).params_
        return [found["a"], found["tau"], found["c"]]

    return {
        "FormulaRegressor": ours,
        "curve_fit": lambda: curve_fit(lambda x, a, tau, c: a * np.exp(-x / tau) + c, X, Y, [1.0, 1.0, 0.0])[0],
    }


def classifier() -> dict[str, Callable[[], Any]]:
    """Logistic regression of two classes of iris, with a penalty, as they can be separated."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    from steepest.models.estimators import FormulaClassifier

    found = load_iris()
    rows = found.target < 2
    features, classes = found.data[rows], found.target[rows]
    own, peer = FormulaClassifier(l2=1 / len(classes)), LogisticRegression()
    return {
        "FormulaClassifier": lambda: own.fit(features, classes).predict_proba(features[:1])[0],
        "LogisticRegression": lambda: peer.fit(features, classes).predict_proba(features[:1])[0],
    }


FITS: dict[str, tuple[Callable[[], Mapping[str, Callable[[], Any]]], float]] = {
    "60 rows, 3 parameters": (regressor, 1.0),
    "two-class iris": (classifier, 1.0),
}
BAR_OF_AN_EPOCH = 10e-6


def epochs(options: Options) -> list[list[Any]]:
    """The time of an epoch of each method on 80 rows with 4 parameters, s."""
    import steepest as st

    x = np.linspace(0, 5, 80)
    data = {"x": x, "y": 3 * np.exp(-x / 1.3) + 0.2 * x + 1 + 0.1 * RNG.normal(size=80)}
    model = st.Model("y ~ a*exp(-x/tau) + b*x + c")
    samples, cost = model.samples(data), model.prepared
    start = {"a": 1.0, "tau": 5.0, "b": 0.0, "c": 0.0}
    methods: dict[str, tuple[dict[str, Any], int, int]] = {
        "lm": ({"optimiser": "lm", "rate": 1.0}, 2, 7),
        "lbfgs": ({"optimiser": "lbfgs", "rate": 1.0}, 2, 31),
        "Armijo's rule": ({"rate": "auto"}, 2, 301),
    }
    rows = []
    for name, (settings, few, many) in methods.items():

        def run(most: int, settings: dict[str, Any] = settings) -> Any:
            return st.descend(cost, samples, start, epochs=most, **settings)

        if run(many).epochs != many:
            raise RefusedError(f"{name} ended before epoch {many}")
        tasks = {"few": lambda: seconds(lambda: run(few)), "many": lambda: seconds(lambda: run(many))}  # noqa: B023
        times = interleaved(tasks, 20 * options.rounds)  # small differences of larger times
        each = [(b - a) / (many - few) for a, b in zip(times["few"], times["many"], strict=True)]
        rows.append([name, statistics.median(each), BAR_OF_AN_EPOCH])
    return rows


def fits(options: Options) -> list[list[Any]]:
    """The time of a warm fit, s, that of the peer, and their ratio."""
    rows = []
    for name, (make, bar) in FITS.items():
        calls = make()
        (ours, own), (theirs, peer) = calls.items()
        if not np.allclose(own(), peer(), rtol=1e-2):
            raise RefusedError(f"{ours} and {theirs} ended at other parameters: {own()} and {peer()}")
        tasks = {label: (lambda call=call: seconds(call)) for label, call in calls.items()}
        times: Times = interleaved(tasks, 10 * options.rounds)
        medians = [statistics.median(times[label]) for label in (ours, theirs)]
        rows.append([f"{ours} / {theirs}, {name}", *medians, ratio(times, ours, theirs), bar])
    return rows


def main(options: Options) -> dict[str, Any]:
    """Measure fits and epochs, and print them with their bars."""
    of_fits, of_epochs = fits(options), epochs(options)
    options.write(
        table(
            ["warm fit", "ours, ms", "peer, ms", "ratio", "bar"],
            [[name, f"{1e3 * a:.2f}", f"{1e3 * b:.2f}", f"{r:.1f}", bar] for name, a, b, r, bar in of_fits],
        )
    )
    options.write("")
    options.write(
        table(
            ["epoch on 80 rows, 4 parameters", "µs", "bar"], [[n, f"{1e6 * t:.1f}", 1e6 * b] for n, t, b in of_epochs]
        )
    )
    return {"fits": of_fits, "epochs": of_epochs}


if __name__ == "__main__":
    benchmark(__doc__, 20)(main).main()
