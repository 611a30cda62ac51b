"""The estimators beside scikit-learn's: time to an accuracy on the digits, and scores on four tables.

The race: a network 64-32-10 with ReLU, Adam and cross-entropy on three quarters of scikit-learn's digits (1,347 rows,
divided by 16) until 97 % of the other quarter are right. Each setting of one grid (batch, rate) is tried for both
libraries, from several seeds: how many epochs does a seed need until the test rows are 97 % right for the first time?
A plain `fit` of so many epochs is then timed, and must be as accurate. Each library shows the setting with its
shortest median time; rounds are interleaved, and the ratio is the median of the ratios within them. The first fit in a
process, with LLVM loaded and the kernel compiled, stands beside it.

The scores: five folds, ten times, of breast cancer, iris, wine and diabetes. Every estimator is tuned within each
training part by three folds over the same grid: the penalty for all, and the rate for the networks. The difference
to the peer is the mean over all fifty folds. It stands beside the standard error of a score of five folds, which the
bar is of, and that of fifty, which is about a third of it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import steepest as st
from pictures import OUT, picture, write_table
from timing import Options, RefusedError, Times, benchmark, interleaved, ratio, seconds, table

ENOUGH = 0.97
HIDDEN = (32,)
MOST_EPOCHS = 100
GRID = [(batch, rate) for batch in (32, 64, 128, 200) for rate in (0.001, 0.003, 0.01)]
OURS, PEER = "NetworkClassifier", "MLPClassifier"
LEAST = 10.0

HEADERS = ("batch", "rate", "epochs", "ms", "ms an epoch more")

Digits = tuple[Any, Any, Any, Any]


# -- the race ------------------------------------------------------------------------------------------------


class Watched(MLPClassifier):
    """An MLPClassifier that stops as soon as the test rows are right enough."""

    def _update_no_improvement_count(self, *args: Any) -> None:
        super()._update_no_improvement_count(*args)
        X, y = self.test_rows
        # The classes, as fit writes them at its end.
        if (self._label_binarizer.inverse_transform(self._forward_pass_fast(X)) == y).mean() >= ENOUGH:
            raise StopIteration


def mlp(batch: int, rate: float, seed: int, epochs: int, kind: type[MLPClassifier] = MLPClassifier) -> Any:
    """scikit-learn's, which is to stop after its epochs only."""
    return kind(
        HIDDEN, batch_size=batch, learning_rate_init=rate, random_state=seed, max_iter=epochs, tol=0.0,
        n_iter_no_change=10**9, alpha=0.0,
    )  # fmt: skip


def ours(batch: int, rate: float, seed: int, epochs: int, **settings: Any) -> Any:
    """Ours, with the defaults but for these."""
    return st.NetworkClassifier(HIDDEN, batch=batch, rate=rate, random_state=seed, epochs=epochs, **settings)


def epochs_of_mlp(data: Digits, batch: int, rate: float, seed: int) -> int | None:
    """After how many epochs an MLPClassifier of this seed is accurate enough; None if it is not within the most."""
    X, X_test, y, y_test = data
    watched = mlp(batch, rate, seed, MOST_EPOCHS, Watched)
    watched.test_rows = X_test, y_test
    try:
        watched.fit(X, y)
    except StopIteration:
        return int(watched.n_iter_)
    return None


def epochs_of_ours(data: Digits, batch: int, rate: float, seed: int) -> int | None:
    """The same for a NetworkClassifier."""
    X, X_test, y, y_test = data

    def look(moment: Any) -> bool:
        p = moment.params
        inner = np.maximum(X_test @ p["W1"] + p["b1"], 0) @ p["W2"] + p["b2"]
        return bool((inner.argmax(axis=1) == y_test).mean() >= ENOUGH)

    fitted = ours(batch, rate, seed, MOST_EPOCHS, on_epoch=look).fit(X, y)
    return int(fitted.n_iter_) if fitted.model_.run.stop == "callback" else None


@dataclass
class Entry:
    """A library in the race at one setting.

    Attributes:
        make: an estimator of a seed and so many epochs.
        epochs: that each seed needs.
        seconds: the median time of a fit over the seeds.
    """

    make: Callable[[int, int], Any]
    epochs: list[int]
    seconds: float = 0.0

    def fit(self, data: Digits, seed: int) -> float:
        """The time of a plain fit, s; it must be accurate enough."""
        X, X_test, y, y_test = data
        estimator = self.make(seed, self.epochs[seed])
        took = seconds(lambda: estimator.fit(X, y))
        if estimator.score(X_test, y_test) < ENOUGH - 0.005:  # a test row may fall on the other side by round-off
            raise RefusedError(f"nothing is compared: a fit of {type(estimator).__name__} is less accurate than before")
        return took


def entries(name: str, data: Digits, grid: list[tuple[int, float]], seeds: int) -> dict[tuple[int, float], Entry]:
    """A library at every setting that is accurate enough from all seeds, each timed once."""
    need, make = (epochs_of_ours, ours) if name == OURS else (epochs_of_mlp, mlp)
    found = {}
    for batch, rate in grid:
        epochs = [need(data, batch, rate, seed) for seed in range(seeds)]
        if None in epochs:
            continue
        entry = Entry(lambda s, e, b=batch, r=rate: make(b, r, s, e), epochs)  # type: ignore[misc,arg-type]
        entry.seconds = statistics.median(entry.fit(data, seed) for seed in range(seeds))
        found[batch, rate] = entry
    if not found:
        raise RefusedError(f"nothing is compared: {name} is not {ENOUGH:.0%} right at any setting")
    return found


def first_fit() -> float:
    """The time of the first fit in a process without any compiled code kept, imports aside, s."""
    code = (
        "import time, numpy as np, steepest as st\n"
        "from sklearn.datasets import load_digits\n"
        "X, y = load_digits(return_X_y=True)\n"
        f"network = st.NetworkClassifier({HIDDEN}, epochs=10, random_state=0)\n"
        "begin = time.perf_counter(); network.fit(X / 16, y); print(time.perf_counter() - begin)"
    )
    with tempfile.TemporaryDirectory() as empty:
        environment = {**os.environ, "STEEPEST_CACHE_DIR": empty}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def epoch(name: str, data: Digits, batch: int, rate: float, rounds: int) -> float:
    """The time of one epoch more, s: a fit of 60 less one of 10, by 50; medians."""
    X, _, y, _ = data
    make = ours if name == OURS else mlp
    short, long = (
        statistics.median(seconds(lambda e=e: make(batch, rate, 0, e).fit(X, y)) for _ in range(2 * rounds + 1))  # type: ignore[misc]
        for e in (10, 60)
    )
    return (long - short) / 50


def race(options: Options) -> tuple[dict[str, Any], list[list[object]], Times]:
    """The race: results, rows of the table, and times by name."""
    X, y = datasets.load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.25, random_state=0, stratify=y)
    data: Digits = (X, X_test, y, y_test)
    seeds, grid = (2, GRID[4:5]) if options.quick else (5, GRID)
    every = {name: entries(name, data, grid, seeds) for name in (OURS, PEER)}
    best = {name: min(found, key=lambda setting: found[setting].seconds) for name, found in every.items()}
    tasks = {
        f"{name} {seed}": (lambda e=every[name][best[name]], s=seed: e.fit(data, s))  # type: ignore[misc]
        for seed in range(seeds) for name in (OURS, PEER)
    }  # fmt: skip
    times = interleaved(tasks, options.rounds)
    joined = {name: [t for seed in range(seeds) for t in times[f"{name} {seed}"]] for name in (OURS, PEER)}
    found = ratio(joined, PEER, OURS)
    rows: list[list[object]] = []
    each = {name: epoch(name, data, *best[name], options.rounds) for name in (OURS, PEER)}
    for name in (OURS, PEER):
        (batch, rate), epochs = best[name], every[name][best[name]].epochs
        took = f"{1e3 * statistics.median(joined[name]):.1f}"
        rows.append([name, batch, rate, statistics.median(epochs), took, f"{1e3 * each[name]:.2f}"])
    options.write(table(("fit until 97 % of the test rows are right", *HEADERS), rows))
    same = {}
    for setting in GRID:
        if setting in every[OURS] and setting in every[PEER]:
            a, b = every[OURS][setting], every[PEER][setting]
            same[f"{setting[0]}, {setting[1]:g}"] = [
                statistics.median(a.epochs), f"{1e3 * a.seconds:.1f}", statistics.median(b.epochs),
                f"{1e3 * b.seconds:.1f}", f"{b.seconds / a.seconds:.1f}",
            ]  # fmt: skip
    headers = ("batch, rate", "epochs", "ms", "MLP's epochs", "MLP's ms", "ratio")
    options.write("\n" + table(headers, [[name, *cells] for name, cells in same.items()]))
    cold = first_fit()
    met = "met" if found >= LEAST else "MISSED"
    options.write(
        f"\n{PEER} / {OURS}: {found:.1f} (bar: {LEAST:g}: {met}); the first fit ever, 10 epochs: {cold:.2f} s\n"
    )
    results = {"ratio": found, "met": found >= LEAST, "best": {n: list(s) for n, s in best.items()}, "times": joined,
               "first_fit": cold, "epoch": each, "settings": same}  # fmt: skip
    return results, rows, joined


# -- the scores ----------------------------------------------------------------------------------------------

PENALTIES = (1e-2, 1.0, 10.0)  # of Σw², beside a sum over the samples
RATES = (0.001, 0.01)
EPOCHS = 100
WIDE = (32,)
TABLES = {
    "breast cancer": (datasets.load_breast_cancer, True), "iris": (datasets.load_iris, True),
    "wine": (datasets.load_wine, True), "diabetes": (datasets.load_diabetes, False),
}  # fmt: skip
PAIRS = (("network", "MLP"), ("formula", "linear"))


Setting = tuple[float, ...]
Maker = Callable[[Setting, int, int], Any]
"""From a penalty and perhaps a rate, the number of rows and a seed to an estimator."""


def mlp_settings(setting: Setting, seed: int) -> dict[str, Any]:
    """An MLP's; its alpha, halved, stands beside a sum over the rows."""
    return {"hidden_layer_sizes": WIDE, "max_iter": EPOCHS, "random_state": seed, "tol": 0.0, "alpha": setting[0],
            "n_iter_no_change": 10**9, "learning_rate_init": setting[1]}  # fmt: skip


def our_settings(setting: Setting, rows: int, seed: int) -> dict[str, Any]:
    """A network's; its l2, halved, stands beside a mean over the rows."""
    return {"hidden": WIDE, "epochs": EPOCHS, "random_state": seed, "l2": setting[0] / rows, "rate": setting[1]}


# Penalties mean the same for all. An MLP halves its squared error, and Ridge halves neither that nor its penalty.
CLASSIFIERS: dict[str, Maker] = {
    "network": lambda s, rows, seed: st.NetworkClassifier(**our_settings(s, rows, seed)),
    "MLP": lambda s, rows, seed: MLPClassifier(**mlp_settings(s, seed)),
    "formula": lambda s, rows, seed: st.FormulaClassifier(l2=s[0] / rows),
    "linear": lambda s, rows, seed: LogisticRegression(C=1 / s[0], max_iter=10_000),
}
REGRESSORS: dict[str, Maker] = {
    "network": lambda s, rows, seed: st.NetworkRegressor(**our_settings((2 * s[0], s[1]), rows, seed)),
    "MLP": lambda s, rows, seed: MLPRegressor(**mlp_settings(s, seed)),
    "formula": lambda s, rows, seed: st.FormulaRegressor(l2=2 * s[0] / rows),
    "linear": lambda s, rows, seed: Ridge(alpha=s[0]),
}


def fitted_score(maker: Maker, setting: Setting, seed: int, classes: bool, parts: tuple[Any, ...]) -> float:
    """The score on some rows of a pipeline that was fitted to others."""
    X, y, X_test, y_test = parts
    pipe = make_pipeline(StandardScaler(), maker(setting, len(y), seed))
    whole = pipe if classes else TransformedTargetRegressor(pipe, transformer=StandardScaler())
    return float(whole.fit(X, y).score(X_test, y_test))


def scores(name: str, seeds: int, quick: bool) -> dict[str, list[float]]:
    """The scores of every contender on a table, a number a fold and repetition: accuracies, or R².

    The setting is the best of the grid in three folds of the training rows.
    """
    load, classes = TABLES[name]
    X, y = load(return_X_y=True)
    split = StratifiedKFold if classes else KFold
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        for k, (train, test) in enumerate(split(5, shuffle=True, random_state=seed).split(X, y)):
            start = 5 * seed + k  # lest the folds of one repetition share the luck of a start
            inner = [(train[a], train[b]) for a, b in split(3).split(X[train], y[train])]
            for contender, maker in (CLASSIFIERS if classes else REGRESSORS).items():
                rates = RATES if contender in ("network", "MLP") else RATES[:1]
                grid = [(penalty, rate) for penalty in PENALTIES[: 1 if quick else None] for rate in rates]

                def tried(setting: Setting, rows: Any, maker: Maker = maker, start: int = start) -> float:
                    parts = [(X[a], y[a], X[b], y[b]) for a, b in rows]
                    return statistics.mean(fitted_score(maker, setting, start, classes, part) for part in parts)

                best = max(grid, key=lambda setting: tried(setting, inner))
                found.setdefault(contender, []).append(tried(best, [(train, test)]))
    return found


def compare(options: Options) -> tuple[list[dict[str, Any]], dict[str, dict[str, list[float]]]]:
    """Every contender on every table, and how far ours are from their peers."""
    seeds = 1 if options.quick else 10
    names = ["iris"] if options.quick else list(TABLES)
    every, bars = {}, []
    for name in names:
        begin = time.perf_counter()
        every[name] = scores(name, seeds, options.quick)
        options.write(f"{name}: {time.perf_counter() - begin:.0f} s")
    for name, found in every.items():
        for mine, peer in (*PAIRS, ("network", "linear")):
            apart = np.array(found[mine]) - np.array(found[peer])
            error = max(_error(found[mine]), _error(found[peer]))
            folds = max(_error_of_folds(found[mine]), _error_of_folds(found[peer]))
            bars.append({
                "table": name, "ours": mine, "peer": peer, "score": float(np.mean(found[mine])),
                "peer_score": float(np.mean(found[peer])), "difference": float(apart.mean()), "error": error,
                "folds_error": folds, "paired_error": _error(apart.tolist()), "met": bool(apart.mean() >= -folds),
                "met_of_fifty": bool(apart.mean() >= -error),
                "met_paired": bool(apart.mean() >= -_error(apart.tolist()) - 1e-12),
            })  # fmt: skip
    return bars, every


def _error(values: list[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _error_of_folds(values: list[float]) -> float:
    """The standard error of a score of five folds, on average over the repetitions."""
    return statistics.mean(_error(values[k : k + 5]) for k in range(0, len(values), 5))


def draw(times: Times, every: dict[str, dict[str, list[float]]]) -> Callable[[Any], Any]:
    """Times of the race on the left, scores on the right."""

    def drawn(pyplot: Any) -> Any:
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), width_ratios=[1, 2])
        left.boxplot([[1e3 * t for t in ts] for ts in times.values()], tick_labels=list(times))
        left.set(yscale="log", ylabel="ms until 97 % right", title="digits")
        left.grid(visible=True, which="both", linewidth=0.3)
        names = list(next(iter(every.values())))
        for k, contender in enumerate(names):
            at = [place + 0.2 * (k - 1.5) for place in range(len(every))]
            means = [np.mean(found[contender]) for found in every.values()]
            errors = [_error(found[contender]) for found in every.values()]
            right.errorbar(at, means, errors, fmt="os^D"[k], capsize=3, label=contender)
        right.set_xticks(range(len(every)), list(every))
        right.set(ylabel="accuracy; R² of diabetes", title="5 folds, mean and standard error")
        right.grid(visible=True, linewidth=0.3)
        right.legend(fontsize=8)
        return figure

    return drawn


ONLY = click.Option(["--only"], type=click.Choice(["race", "scores"]), help="One of the two parts alone.")


@benchmark(__doc__, rounds=3, extra=[OUT, ONLY], quick_rounds=1)
def main(options: Options, out: Path, only: str | None) -> dict[str, Any]:
    """Measure, print, and return what goes into the JSON."""
    warnings.simplefilter("ignore")  # MLPs that are stopped after their epochs
    results: dict[str, Any] = {}
    times: Times = {}
    every: dict[str, dict[str, list[float]]] = {}
    if only != "scores":
        results["race"], rows, times = race(options)
        write_table(out, "estimators_race", ("estimator", *HEADERS), rows)
    if only != "race":
        bars, every = compare(options)
        headers = ("table", "ours", "peer", "score", "peer's", "difference", "± of 5 folds", "± of 50", "± paired",
                   "5 folds", "50")  # fmt: skip
        keys = ("score", "peer_score", "difference", "folds_error", "error", "paired_error")
        cells = [
            [b["table"], b["ours"], b["peer"], *(f"{b[key]:.4f}" for key in keys),
             *("met" if b[bar] else "MISSED" for bar in ("met", "met_of_fifty"))] for b in bars
        ]  # fmt: skip
        options.write("\n" + table(headers, cells))
        write_table(out, "estimators_scores", headers, cells)
        results |= {"scores": every, "bars": bars}
    if times and every:
        picture(options, out, "estimators", draw(times, every))
    return results


if __name__ == "__main__":
    main()
