"""Define the fits whose results ``digests.py`` records.

Every fit is short: a small table and a few epochs. Together they cross engines, precisions, optimisers, batches,
restarts, finite differences, line searches, schedules, costs, penalties, weights, initialisers, validation, and the
estimators. Only public names of the package are used.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import steepest as st

Record = dict[str, Any]
Entry = tuple[str, Callable[[], Record]]
"""The name of a fit, and the function that runs it."""

ENGINES = ("reference", "native")
DTYPES = ("float64", "float32")
OPTIMISERS = ("gradient-descent", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw", "lion", "lbfgs")
SCHEDULES = ("constant", "step:2:0.5", "exponential:0.7", "cosine", "cosine:4:0.1", "warm-up:2+cosine", "plateau:0.5:1")
INITIALISERS = ("glorot", "glorot_normal", "he", "lecun", "zeros", "normal", "normal(0.1)")
ELEMENTARY = ("abs", "arctan", "cos", "exp", "expm1", "leaky_relu", "log", "log1p", "relu", "sigmoid", "sin",
              "softplus", "sqrt", "tanh")  # fmt: skip
COSTS = ("mse", "mae", "huber", "(prediction - target)^4", "e = prediction - target; softplus(2*e) - e")


@dataclass(frozen=True)
class Problem:
    """A cost with the table on which it is minimised.

    Attributes:
        cost: the expression.
        table: the columns; None for a function without data.
        rate: a learning rate at which the descent neither diverges nor stalls.
    """

    cost: st.Expression
    table: dict[str, Any] | None
    rate: float = 0.05

    def descend(self, **settings: Any) -> st.Descent:
        """Descend from the start that the seed gives, for a few epochs."""
        return st.descend(self.cost, self.table, **{"rate": self.rate, "epochs": 4, **settings})


def draw(seed: int, *shape: int) -> Any:
    """Draw an array of normal numbers."""
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def network(sizes: list[int], rows: int, activation: Any = "tanh", output: str = "sigmoid", **settings: Any) -> Problem:
    """Build a network with a table of random inputs and targets."""
    targets = np.random.default_rng([rows, *sizes])
    if output == "softmax":
        y: Any = targets.integers(0, sizes[-1], rows)
    elif output == "sigmoid":
        y = targets.integers(0, 2, rows if sizes[-1] == 1 else (rows, sizes[-1]))
    else:
        y = targets.normal(size=rows if sizes[-1] == 1 else (rows, sizes[-1]))
    model = st.models.network(sizes, activation, output, **settings)
    return Problem(model.cost, {"X": draw(1, rows, sizes[0]), "y": np.asarray(y, float)})


def written(text: str, rows: int, rate: float = 0.05, **shapes: tuple[int, ...]) -> Problem:
    """Build a problem from a formula in which x, y and z are columns of numbers, X and Y columns of vectors."""
    columns = {name: shapes.get(name, ()) for name in ("x", "y", "z", "X", "Y") if re.search(rf"\b{name}\b", text)}
    params = {name: shape for name, shape in shapes.items() if name not in columns} or None
    table = {name: draw(k, rows, *shape) for k, (name, shape) in enumerate(columns.items())}
    return Problem(st.parse(text, data=columns, params=params), table or None, rate)


def problems() -> dict[str, Problem]:
    """Build the problems that are crossed with engines and optimisers."""
    gate = {"x": [0, 0, 1, 1], "y": [0, 1, 0, 1], "z": [1, 1, 1, 0]}
    chain = {"x": [0.2, -0.4, 1, 0.7], "y": [0.3, 0.6, 0.9, 0.1]}
    return {
        "line": Problem(st.models.linear().cost, {"x": np.arange(5.0), "y": 2 * np.arange(5.0)}),
        "neuron": Problem(st.models.neuron().cost, gate, 1.0),
        "chain of 2": Problem(st.models.chain(2).cost, chain, 0.5),
        "chain of 5": Problem(st.models.chain(5, "tanh").cost, chain, 0.2),
        "network 2-3-1": network([2, 3, 1], 4),
        "network 5-9-7-3": network([5, 9, 7, 3], 33, ["relu", "max(0.1*z, z)"], "softmax"),
        "network 9-17-2": network([9, 17, 2], 21, "sin", "linear"),
        "network 20-40-10": network([20, 40, 10], 150, "sigmoid", "softmax"),
        "decay": written("mean((a*exp(-k^2*x^2) + c - y)^2)", 13),
        "branches": written("mean(where(x > 0, abs(x*w1 - y), max(y*w2, b) + min(x, b)))", 30, 0.01),
        "standardised": written("s = sin(x*w); c = s - mean(s); mean((c/sqrt(mean(c^2) + .01)*g + b - y)^2)", 19, 0.02),
        "matrices": written("mean(sum((X @ (A @ B) - Y)^2)) + 0.01*sum(A*A)", 17, 0.005, X=(6,), Y=(10,), A=(6, 3),
                            B=(3, 10)),
        "features": written("mean(sum(tanh(X*v + c)) + sum((X - c)^2))", 300, 0.01, X=(20,), v=(20,), c=(20,)),
        "long table": written("mean((sigmoid(x*w1 + y*w2 + b) - tanh(z))^2)", 2000, 0.2),
        "valley": written("(1 - p)^2 + 100*(q - p^2)^2", 0, 1e-3),
    }  # fmt: skip


# -- digests


def digest(*values: Any) -> str:
    """Hash arrays, numbers, texts and nested containers of them, with types and shapes."""
    found = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, Mapping):
            for key in sorted(value):
                add(str(key))
                add(value[key])
        elif isinstance(value, str) or value is None:
            found.update(f"{value};".encode())
        elif isinstance(value, list | tuple):
            found.update(f"{len(value)}:".encode())
            for each in value:
                add(each)
        else:
            array = np.asarray(value)
            found.update(f"{array.dtype} {array.shape};".encode())
            found.update(np.ascontiguousarray(array).tobytes())

    add(values)
    return found.hexdigest()


def outcome(run: st.Descent) -> Record:
    """Return what is recorded of a descent."""
    levels = [(level.lowest, level.highest, level.starts) for level in run.levels or ()]
    return {
        "cost": repr(float(run.cost)),
        "params": digest(run.params),
        "history": digest(run.history, run.validation, run.restarts, levels),
        "path": digest(run.start, run.path),
        "memory": digest(run.memory),
        "epochs": int(run.epochs),
        "best": run.best_epoch,
        "reason": str(getattr(run.stop, "value", run.stop)),
        "engine": run.engine,
        "warnings": len(run.warnings),
    }


def fitted(model: st.Model, table: Any, **settings: Any) -> Record:
    """Fit a model and return what is recorded of its descent and its predictions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", st.SteepestWarning)
        model.fit(table, **{"epochs": 5, **settings})
    assert model.run is not None
    scores = {name: value for name, value in model.evaluate(table).items() if name not in ("rows", "dropped")}
    return {**outcome(model.run), "predictions": digest(model.predict(table), scores)}


# -- groups of fits


def crossed(given: Mapping[str, Problem]) -> Iterator[Entry]:
    """Cross every problem with every optimiser and engine, and two optimisers with float32."""
    for (name, problem), optimiser, engine in itertools.product(given.items(), OPTIMISERS, ENGINES):
        yield fit(f"{name}, {optimiser}", problem, engine, optimiser=optimiser)
        if optimiser in ("gradient-descent", "adam"):
            yield fit(f"{name}, {optimiser}, float32", problem, engine, optimiser=optimiser, dtype="float32")


def fit(name: str, problem: Problem, engine: str, **settings: Any) -> Entry:
    """Name a descent by its problem, settings and engine."""
    return f"{name}, {engine}", lambda: outcome(problem.descend(engine=engine, **settings))


def elementary() -> Iterator[Entry]:
    """Fit formulas of one elementary function each, and powers."""
    texts = {name: f"mean(({name}(1.2 + sin(x*w + b)) - y)^2)" for name in ELEMENTARY}
    texts |= {
        f"power {power}": f"mean(((1.2 + sin(x*w + b))^({power}) - y)^2)" for power in ("3", "-2", "0.5", "v", "y")
    }
    for (name, text), engine, dtype in itertools.product(texts.items(), ENGINES, DTYPES):
        yield fit(f"function {name}, {dtype}", written(text, 11, 0.02), engine, dtype=dtype)


def batched(given: Mapping[str, Problem]) -> Iterator[Entry]:
    """Descend in mini-batches: sizes that divide the table or do not, seeds, optimisers, precisions."""
    chosen = ("network 5-9-7-3", "network 20-40-10", "decay", "matrices", "features", "long table")
    for name, engine in itertools.product(chosen, ENGINES):
        problem = given[name]
        for batch, seed in itertools.product((1, 8, 10_000), (0, 3)):
            if batch > 1 or len(next(iter((problem.table or {}).values()))) < 100:
                yield fit(f"{name}, batch {batch}, seed {seed}", problem, engine, batch=batch, seed=seed)
        for optimiser in OPTIMISERS[1:-1]:
            yield fit(f"{name}, batch 7, {optimiser}", problem, engine, batch=7, optimiser=optimiser, epochs=2)
        yield fit(f"{name}, batch 5, float32", problem, engine, batch=5, dtype="float32", optimiser="adam", epochs=2)


def restarted(given: Mapping[str, Problem]) -> Iterator[Entry]:
    """Descend from several starts, side by side and in batches one by one."""
    for name, engine in itertools.product(("neuron", "chain of 2", "network 2-3-1", "decay", "valley"), ENGINES):
        for starts, dtype in itertools.product((2, 9, 37), DTYPES):
            settings: dict[str, Any] = {"restarts": starts, "dtype": dtype, "seed": starts}
            yield fit(f"{name}, {starts} restarts, {dtype}", given[name], engine, **settings)
        yield fit(f"{name}, restarts, adam", given[name], engine, restarts=11, optimiser="adam")
        yield fit(f"{name}, restarts, tolerance", given[name], engine, restarts=11, tolerance=0.03, epochs=40)
        yield fit(f"{name}, restarts, lbfgs", given[name], engine, restarts=3, optimiser="lbfgs")
    for engine in ENGINES:
        yield fit("decay, restarts, batch 4", given["decay"], engine, restarts=3, batch=4)


def differenced(given: Mapping[str, Problem]) -> Iterator[Entry]:
    """Descend by finite differences and by the layer-wise recursion."""
    for name, engine in itertools.product(
        ("line", "neuron", "chain of 2", "network 2-3-1", "decay", "valley"), ENGINES
    ):
        for scheme, dtype in itertools.product(("forward", "central"), DTYPES):
            settings: dict[str, Any] = {"gradient": "finite-difference", "scheme": scheme, "dtype": dtype}
            yield fit(f"{name}, {scheme} differences, {dtype}", given[name], engine, **settings)
        differences: dict[str, Any] = {"gradient": "finite-difference", "step": 1e-5}
        yield fit(f"{name}, differences, restarts", given[name], engine, restarts=5, **differences)
        yield fit(f"{name}, differences, adam", given[name], engine, optimiser="adam", **differences)
        if engine == "reference" and given[name].table:
            yield fit(f"{name}, differences, batch 2", given[name], engine, batch=2, **differences)
    for name, engine in itertools.product(("chain of 2", "chain of 5", "network 2-3-1", "network 9-17-2"), ENGINES):
        yield fit(f"{name}, layer-wise", given[name], engine, gradient="layerwise")


def stepped(given: Mapping[str, Problem]) -> Iterator[Entry]:
    """Descend by line searches and by schedules."""
    for name, engine in itertools.product(("neuron", "network 2-3-1", "network 5-9-7-3", "decay", "valley"), ENGINES):
        problem = given[name]
        for dtype in DTYPES:
            yield fit(f"{name}, rate auto, {dtype}", problem, engine, rate="auto", dtype=dtype, epochs=8)
        yield fit(f"{name}, lbfgs of memory 3", problem, engine, optimiser=st.optimisers.lbfgs(3), epochs=12)
        for schedule in SCHEDULES if problem.table else ():
            yield fit(f"{name}, schedule {schedule}", problem, engine, rate=schedule, epochs=6)
        values = {
            "step": st.schedules.step(0.05, every=1.5, factor=0.5),
            "exponential": st.schedules.exponential(0.05, decay=0.9),
            "warm-up": st.schedules.warm_up(2, st.schedules.cosine(0.05, 3), start=0.1),
            "plateau": st.schedules.plateau(0.05, factor=0.3, patience=1),
        }
        for label, value in values.items():
            batch = {} if problem.table is None or name == "neuron" else {"batch": 3}
            yield fit(f"{name}, {label} in batches", problem, engine, rate=value, epochs=5, optimiser="adam", **batch)
        yield fit(f"{name}, own optimiser", problem, engine, optimiser=heavy_ball())


def heavy_ball() -> st.optimisers.Optimiser:
    """Return an optimiser that is not built in."""
    return st.optimisers.Optimiser(
        "heavy ball", lambda w: (0 * w,), lambda w, g, s, rate, t: (w - rate * g + 0.9 * s[0], (0.9 * s[0] - rate * g,))
    )


def costed() -> Iterator[Entry]:
    """Fit models with each cost, penalties, weights of samples and of classes."""
    x = draw(5, 24)
    table = {"x": x, "y": 2 * x + 0.3 * draw(6, 24), "trust": np.abs(draw(7, 24)) + 0.1}
    counts = {"x": x, "y": np.random.default_rng(8).poisson(np.exp(0.5 * x)).astype(float)}
    gates = {"X": draw(9, 40, 3), "y": np.arange(40.0) % 2, "trust": np.arange(1.0, 41)}
    kinds = {"X": draw(9, 40, 3), "y": np.arange(40.0) % 7 // 3}
    lines: dict[str, dict[str, Any]] = {f"cost {cost}": {"cost": cost} for cost in COSTS}
    lines |= {
        "cost of a function": {"cost": lambda prediction, target: st.log(1 + (prediction - target) ** 2)},
        "weights": {"weights": "trust"}, "l1": {"l1": 0.1}, "l2": {"l2": 0.05},
        "l1, l2, weights": {"l1": 0.01, "l2": 0.05, "weights": "trust"},
    }  # fmt: skip
    networks: dict[str, tuple[int, dict[str, Any], dict[str, Any]]] = {
        "balanced": (1, gates, {"class_weight": "balanced"}),
        "class weights": (3, kinds, {"class_weight": {0: 1, 1: 2.5, 2: 0.5}, "output": "softmax"}),
        "weighted penalised network": (1, gates, {"weights": "trust", "l1": 0.01, "l2": 0.1}),
        "softmax": (3, kinds, {"output": "softmax"}),
    }
    for engine, dtype in itertools.product(ENGINES, DTYPES):
        common: dict[str, Any] = {"engine": engine, "dtype": dtype}
        label = f"{dtype}, {engine}"
        for name, extra in lines.items():
            yield f"{name}, {label}", partial(fitted, st.Model("y ~ a*x + b", **extra), table, **common)
        poisson = st.Model("y ~ exp(a*x + b)", "poisson")
        yield f"cost poisson, {label}", partial(fitted, poisson, counts, **common)
        for (name, (outputs, data, extra)), batch in itertools.product(networks.items(), (None, 16)):
            model = st.models.network([3, 5, outputs], **extra)
            given: dict[str, Any] = {**common, "batch": batch, "optimiser": "adam", "rate": 0.01}
            yield f"{name}, batch {batch}, {label}", partial(fitted, model, data, **given)


def initialised() -> Iterator[Entry]:
    """Start from each scheme of initial values."""
    for activation, scheme in itertools.product(("tanh", "relu"), (None, *INITIALISERS)):
        problem = network([4, 8, 5, 3], 12, activation, "softmax")
        for engine, epochs in (("reference", 0), ("native", 3)):
            yield fit(f"initial {scheme}, {activation}", problem, engine, initial=scheme, epochs=epochs, seed=4)
    problem = network([4, 8, 5, 3], 12, "relu", "softmax")
    yield fit("initial by parameter", problem, "native", initial={"W1": "lecun", "W3": "normal(0.3)"})


def stopped(given: Mapping[str, Problem]) -> Iterator[Entry]:
    """End descents by validation, patience, tolerances, callbacks; climb; go on from checkpoints."""
    for name, engine in itertools.product(("network 5-9-7-3", "network 20-40-10", "decay", "long table"), ENGINES):
        problem = given[name]
        held = {word: np.asarray(column)[::3] for word, column in (problem.table or {}).items()}
        settings: dict[str, Any] = {"epochs": 12, "optimiser": "adam", "rate": 0.1}
        yield fit(f"{name}, validate a share", problem, engine, validate=0.3, seed=2, **settings)
        yield fit(f"{name}, patience", problem, engine, validate=0.3, patience=2, batch=8, **settings)
        yield fit(f"{name}, validate a table", problem, engine, validate=held, patience=1, **settings)
        yield fit(f"{name}, tolerance", problem, engine, tolerance=0.02, epochs=60)
        yield fit(f"{name}, gradient tolerance", problem, engine, gradient_tolerance=0.5, epochs=60)
        yield fit(f"{name}, callback", problem, engine, on_epoch=lambda moment: moment.epoch >= 3, **settings)
        yield fit(f"{name}, seed {ENGINES.index(engine)}", problem, "auto", seed=ENGINES.index(engine))
        for batch in (None, 8):
            adam: dict[str, Any] = {"batch": batch, "engine": engine, "optimiser": "adam", "rate": 0.1}
            yield f"{name}, resumed, batch {batch}, {engine}", partial(resumed, problem, **adam)
    for engine in ENGINES:
        for rate in (0.1, 1e3):
            yield fit(f"maximise, rate {rate}", written("-(p - 1)^2 - q^4", 0), engine, maximise=True, rate=rate)
        yield fit("diverged", given["line"], engine, rate=1.0, epochs=300)


def resumed(problem: Problem, **settings: Any) -> Record:
    """Descend twice, the second time from the checkpoint and then from the optimiser's memory."""
    with TemporaryDirectory() as folder:
        kept = {"checkpoint": Path(folder) / "run.safetensors", "checkpoint_every": 2}
        problem.descend(**{**settings, "epochs": 3, **kept})
        run = problem.descend(**{**settings, "epochs": 6, **kept, "resume": True})
    more = problem.descend(**{**settings, "start": run.params, "memory": run.memory, "epochs": 2})
    return {**outcome(more), "resumed": outcome(run)}


def estimated() -> Iterator[Entry]:
    """Fit the four estimators."""
    X, rng = draw(11, 60, 4), np.random.default_rng(12)
    y, two = X[:, 0] - X[:, 1] ** 2, np.stack([X[:, 0], X[:, 1] * X[:, 2]], axis=1)
    names = np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)]
    weights = rng.uniform(0.5, 2, 60)
    settings: dict[str, dict[str, Any]] = {
        "plain": {}, "lbfgs": {"optimiser": "lbfgs"}, "batch": {"batch": 16, "optimiser": "momentum"},
        "patience": {"validation_fraction": 0.2, "patience": 1}, "penalties": {"l1": 0.01, "l2": 0.1},
        "schedule": {"schedule": "cosine", "optimiser": "adam", "rate": 0.02}, "weighted": {"weights": weights},
        "float32": {"dtype": "float32", "optimiser": "adam"}, "initial": {"initial": "lecun"},
        "auto": {"optimiser": None, "rate": "auto", "batch": None}, "warm": {"warm_start": True},
    }  # fmt: skip
    each: dict[str, tuple[Any, Any]] = {
        "NetworkRegressor": ({"hidden": (7, 5)}, y),
        "NetworkRegressor of two targets": ({"hidden": (6,), "activation": "tanh", "loss": "huber"}, two),
        "NetworkClassifier": ({"hidden": (8,)}, names),
        "NetworkClassifier of two classes": ({"hidden": (), "class_weight": {True: 2.5}}, y > 0),
        "FormulaRegressor": ({"formula": "y ~ a*x0 + b*x1^2 + c", "start": {"a": 0.5}}, y),
        "FormulaClassifier": ({}, names),
        "FormulaClassifier of two classes": ({"formula": "y ~ sigmoid(k*(x0 - c))"}, y > 0),
    }
    for (name, (made, target)), engine in itertools.product(each.items(), ENGINES):
        for label, extra in settings.items():
            given = {"epochs": 5, "random_state": 3, "engine": engine, **made, **extra}
            yield f"{name}, {label}, {engine}", partial(estimator, name.split()[0], given, X, target)


def estimator(name: str, settings: dict[str, Any], X: Any, y: Any) -> Record:
    """Fit an estimator, in several steps if it starts warm, and return its outcome and predictions."""
    made = getattr(st, name)(**{word: value for word, value in settings.items() if word != "weights"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2 if settings.get("warm_start") else 1):
            made.fit(X, y, sample_weight=settings.get("weights"))
        if settings.get("warm_start") and hasattr(made, "partial_fit"):
            made.partial_fit(X[:20], y[:20])
    tried = ("predict", "predict_proba")
    found = [getattr(made, word)(X) for word in tried if hasattr(made, word)]
    return {**outcome(made.model_.run), "predictions": digest(*(np.asarray(each).tolist() for each in found)),
            "loss": digest(made.loss_curve_, made.validation_loss_curve_), "all epochs": int(made.n_iter_)}  # fmt: skip


def streamed() -> Iterator[Entry]:
    """Fit a line to a Parquet file that is larger than what is read at once."""

    def run() -> Record:
        import polars as pl

        rows = 34_000_000  # of two columns: above 512 MB in float64
        x = (np.arange(rows, dtype=np.uint32) % 251).astype(np.uint8)
        cost = st.parse("mean((x/100*w + b - y/100)^2)", data=["x", "y"])
        with TemporaryDirectory() as folder:
            place = Path(folder) / "long.parquet"
            pl.DataFrame({"x": x, "y": x // 2}).write_parquet(place, row_group_size=1 << 20)
            return outcome(st.descend(cost, place, epochs=1, batch=1 << 16, rate=0.1))

    yield "long Parquet file", run


def fits() -> Iterable[Entry]:
    """Return every fit by its name."""
    given = problems()
    groups = [crossed(given), elementary(), batched(given), restarted(given), differenced(given), stepped(given)]
    return itertools.chain(*groups, costed(), initialised(), stopped(given), estimated(), streamed())
