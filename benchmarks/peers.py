"""The peers of epoch.py: each prepares a problem and then descends it for a number of epochs, cost and all.

A peer's ``prepare`` returns a function from the number of epochs to the final parameters. Every epoch computes the
cost, the gradient over all rows and the update in float64; what a peer does once (compiling, checking its input)
happens at 0 epochs as well, so that a difference of times leaves it out.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

import steepest as st
from problems import Array, Arrays, Problem

Descend = Callable[[int], Mapping[str, Any]]


def module(name: str) -> Any:
    """A peer's module, loaded when it is needed; not every one has types."""
    return importlib.import_module(name)


def steepest_reference(problem: Problem) -> Descend:
    """``st.descend`` with the reference engine, its history, path and stopping rules included."""

    def descend(epochs: int) -> Mapping[str, Any]:
        run = st.descend(
            problem.expression, problem.data, start=problem.start, rate=problem.rate, epochs=epochs,
            engine="reference", progress=False,
        )  # fmt: skip
        return run.params

    return descend


def numpy_by_hand(problem: Problem) -> Descend:
    """The formulas of the notes, written in NumPy by hand."""

    def descend(epochs: int) -> Mapping[str, Any]:
        params: Arrays = dict(problem.start)
        for _ in range(epochs):
            _, params = problem.by_hand(problem.data, params, problem.rate)
        return params

    return descend


def _jax_step(problem: Problem) -> tuple[Any, Any, Any, Callable[..., Any]]:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")  # the processor that the others use
    jax, jnp = module("jax"), module("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    functions = SimpleNamespace(sigmoid=jax.nn.sigmoid, softplus=jax.nn.softplus, mean=jnp.mean)
    data = {name: jnp.asarray(column) for name, column in problem.data.items()}
    start = {name: jnp.asarray(value) for name, value in problem.start.items()}

    def step(params: Any, data: Any) -> Any:
        cost, gradient = jax.value_and_grad(lambda p: problem.cost(functions, data, p))(params)
        return {name: params[name] - problem.rate * gradient[name] for name in params}, cost

    return jax, data, start, step


def jax_step(problem: Problem) -> Descend:
    """One jitted step an epoch, called from Python."""
    jax, data, start, step = _jax_step(problem)
    jitted = jax.jit(step)

    def descend(epochs: int) -> Mapping[str, Any]:
        params = start
        for _ in range(epochs):
            params, _ = jitted(params, data)
        jax.block_until_ready(params)
        return dict(params)

    return descend


def jax_loop(problem: Problem) -> Descend:
    """All epochs in one compiled ``lax.fori_loop``; the cost is carried, lest it be left out."""
    jax, data, start, step = _jax_step(problem)

    def epochs_of(params: Any, data: Any, epochs: Any) -> Any:
        return jax.lax.fori_loop(0, epochs, lambda _, carried: step(carried[0], data), (params, 0.0))

    loop = jax.jit(epochs_of)

    def descend(epochs: int) -> Mapping[str, Any]:
        params, _ = jax.block_until_ready(loop(start, data, epochs))
        return dict(params)

    return descend


def torch_autograd(problem: Problem) -> Descend:
    """PyTorch's autograd with ``optim.SGD``, eager."""
    torch = module("torch")
    zero = torch.zeros((), dtype=torch.float64)
    functions = SimpleNamespace(sigmoid=torch.sigmoid, softplus=lambda x: torch.logaddexp(x, zero), mean=torch.mean)
    data = {name: torch.from_numpy(column) for name, column in problem.data.items()}

    def descend(epochs: int) -> Mapping[str, Any]:
        params = {name: torch.tensor(np.array(value), requires_grad=True) for name, value in problem.start.items()}
        optimiser = torch.optim.SGD(list(params.values()), lr=problem.rate)
        for _ in range(epochs):
            optimiser.zero_grad()
            problem.cost(functions, data, params).backward()
            optimiser.step()
        return {name: value.detach().numpy() for name, value in params.items()}

    return descend


def scikit_learn(problem: Problem) -> Descend | None:
    """``partial_fit`` of the multi-layer perceptron, one full batch an epoch; None where it lacks the cost."""
    if problem.perceptron is None:
        return None
    networks = module("sklearn.neural_network")
    target = problem.data["y"]
    features = problem.data["X"] if "X" in problem.data else problem.data["x"][:, None]
    settings: dict[str, Any] = {
        "activation": "logistic", "solver": "sgd", "alpha": 0.0, "batch_size": len(target), "shuffle": False,
        "momentum": 0.0, "nesterovs_momentum": False, "learning_rate": "constant", "random_state": 0,
    }  # fmt: skip

    def make() -> Any:
        if problem.perceptron == "classifier":
            made = networks.MLPClassifier(hidden_layer_sizes=(2,), learning_rate_init=problem.rate, **settings)
            return made.partial_fit(features, target, classes=[0, 1])
        # Its squared error has a factor 1/2, so that twice the rate makes the same steps.
        made = networks.MLPRegressor(hidden_layer_sizes=(), learning_rate_init=2 * problem.rate, **settings)
        return made.partial_fit(features, target)

    def descend(epochs: int) -> Mapping[str, Any]:
        perceptron = make()  # the first call makes the arrays, which are then filled with the start
        names = ("W1", "W2", "b1", "b2") if problem.perceptron == "classifier" else ("w", "b")
        places: list[Array] = [*perceptron.coefs_, *perceptron.intercepts_]
        for name, place in zip(names, places, strict=True):
            place[...] = problem.start[name]
        for _ in range(epochs):
            perceptron.partial_fit(features, target)
        shaped = {name: problem.start[name].shape for name in names}
        return {name: place.reshape(shaped[name]) for name, place in zip(names, places, strict=True)}

    return descend


BASE = "steepest, reference"
PEERS: dict[str, tuple[str | None, Callable[[Problem], Descend | None]]] = {
    BASE: (None, steepest_reference),
    "NumPy by hand": (None, numpy_by_hand),
    "JAX, jitted step": ("jax", jax_step),
    "JAX, fori_loop": ("jax", jax_loop),
    "PyTorch, eager": ("torch", torch_autograd),
    "scikit-learn, partial_fit": ("sklearn", scikit_learn),
}
"""By name: the module that a peer needs, and what prepares it."""


def installed() -> tuple[dict[str, Callable[[Problem], Descend | None]], list[str]]:
    """The peers that can be run here, and the names of those that are left out."""
    found = {name: make for name, (needs, make) in PEERS.items() if not needs or importlib.util.find_spec(needs)}
    return found, [name for name in PEERS if name not in found]
