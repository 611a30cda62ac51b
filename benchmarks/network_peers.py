"""The peers of networks.py: each trains one network from one start through the same batches, an epoch after another.

What a peer does once (compiling, moving its data) is left out of the time. Every peer returns how long the epochs
took and the mean cost of the batches of the last one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import steepest as st
from peers import module
from steepest.calculus.prepared import prepare
from steepest.engines import choose
from steepest.engines.step import Batches, DescentState, Record, StoppingRules
from steepest.training.descent import initial
from steepest.training.optimisers import gradient_descent
from steepest.training.steps import gradient_step

Array = NDArray[Any]
Run = Callable[[int], tuple[float, float]]
"""From a number of epochs to seconds and the cost of the last one."""


@dataclass
class Task:
    """A network and its data.

    Attributes:
        name: of the task.
        sizes: inputs, hidden layers, classes.
        batch: samples of a batch; the table is cut to whole ones.
        inputs, labels: the table.
        rate: α.
        dtype: the precision.
    """

    name: str
    sizes: list[int]
    batch: int
    inputs: Array
    labels: Array
    rate: float = 0.1
    dtype: str = "float32"

    def __post_init__(self) -> None:
        rows = len(self.labels) // self.batch * self.batch
        self.inputs = self.inputs[:rows].astype(self.dtype)
        self.labels = self.labels[:rows].astype(self.dtype)
        self.model = st.models.network(self.sizes, "tanh", "softmax")
        drawn = initial(self.model.cost, seed=1)
        self.start: dict[str, Array] = {name: value.astype(self.dtype) for name, value in drawn.items()}
        self.batches = Batches(self.batch, 0)

    @property
    def steps(self) -> int:
        """Updates of an epoch."""
        return len(self.labels) // self.batch

    def order(self, epoch: int) -> Array:
        """The samples of each batch of an epoch, ``(steps, batch)``."""
        return self.batches.order(epoch, len(self.labels)).reshape(self.steps, self.batch)

    @property
    def layers(self) -> int:
        """Hidden layers and the last one."""
        return len(self.sizes) - 1


def native(task: Task) -> Run:
    """The native engine, as a descent calls it: orders drawn, costs recorded and rules looked at included."""
    step = gradient_step(prepare(task.model.cost), "backprop", gradient_descent(), False, False)
    data = {"X": task.inputs, "y": task.labels}
    walker = choose("native", task.dtype).runner(step, data, len(task.labels), task.rate, task.dtype, task.batches)

    def run(epochs: int) -> tuple[float, float]:
        record, leg = Record(), DescentState(task.start, task.start, 1.0)
        begin = time.perf_counter()
        pace = 1
        while leg.epoch < epochs:
            leg = walker.advance(leg, min(epochs, leg.epoch + pace), StoppingRules(), record)
            pace *= 4
        return time.perf_counter() - begin, leg.last

    return run


def _jax_cost(task: Task, jax: Any, jnp: Any) -> Callable[..., Any]:
    def cost(params: Any, inputs: Any, labels: Any) -> Any:
        a = inputs
        for k in range(1, task.layers):
            a = jnp.tanh(a @ params[f"W{k}"] + params[f"b{k}"])
        z = a @ params[f"W{task.layers}"] + params[f"b{task.layers}"]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], 1))

    return cost


def jax_scan(task: Task, gathered: bool = False) -> Run:
    """``lax.scan`` over the batches of an epoch, parameters donated; rows gathered batch by batch, or all before."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    jax, jnp = module("jax"), module("jax.numpy")
    jax.config.update("jax_enable_x64", task.dtype == "float64")
    slopes = jax.value_and_grad(_jax_cost(task, jax, jnp))
    rate = np.dtype(task.dtype).type(task.rate)
    inputs, labels = jnp.asarray(task.inputs), jnp.asarray(task.labels.astype(np.int32))

    def epoch(params: Any, order: Any, inputs: Any, labels: Any) -> Any:
        def update(params: Any, x: Any, y: Any) -> Any:
            cost, slope = slopes(params, x, y)
            return {name: params[name] - rate * slope[name] for name in params}, cost

        if gathered:
            params, costs = jax.lax.scan(lambda p, xy: update(p, *xy), params, (inputs[order], labels[order]))
        else:
            params, costs = jax.lax.scan(lambda p, rows: update(p, inputs[rows], labels[rows]), params, order)
        return params, costs.mean()

    jitted = jax.jit(epoch, donate_argnums=0)

    def run(epochs: int) -> tuple[float, float]:
        params = {name: jnp.array(value) for name, value in task.start.items()}
        orders = [jnp.asarray(task.order(k).astype(np.int32)) for k in range(epochs)]
        jax.block_until_ready((params, orders))
        begin = time.perf_counter()
        cost = None
        for order in orders:
            params, cost = jitted(params, order, inputs, labels)
        jax.block_until_ready(params)
        return time.perf_counter() - begin, float(cost)

    return run


def jax_gathered(task: Task) -> Run:
    """The same, the rows of an epoch gathered at its beginning."""
    return jax_scan(task, gathered=True)


def torch_loop(task: Task) -> Run:
    """PyTorch: ``nn.Sequential``, cross-entropy, ``optim.SGD``, a loop over the batches; all processors."""
    torch = module("torch")
    nn = torch.nn
    inputs, labels = torch.from_numpy(task.inputs), torch.from_numpy(task.labels.astype(np.int64))
    kind = {"float32": torch.float32, "float64": torch.float64}[task.dtype]

    def made() -> Any:
        parts: list[Any] = []
        for k in range(1, task.layers + 1):
            linear = nn.Linear(task.sizes[k - 1], task.sizes[k], dtype=kind)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(task.start[f"W{k}"].T.copy()))
                linear.bias.copy_(torch.from_numpy(task.start[f"b{k}"]))
            parts += [linear] if k == task.layers else [linear, nn.Tanh()]
        return nn.Sequential(*parts)

    def run(epochs: int) -> tuple[float, float]:
        network, loss = made(), nn.CrossEntropyLoss()
        optimiser = torch.optim.SGD(network.parameters(), lr=task.rate)
        orders = [torch.from_numpy(task.order(k)) for k in range(epochs)]
        begin = time.perf_counter()
        for order in orders:
            sofar = 0.0
            for rows in order:
                optimiser.zero_grad()
                cost = loss(network(inputs[rows]), labels[rows])
                cost.backward()
                optimiser.step()
                sofar += cost.item()
        return time.perf_counter() - begin, sofar / task.steps

    return run


def scikit_learn(task: Task) -> Run:
    """``MLPClassifier.partial_fit``, an epoch a call, on rows that are in their order already."""
    networks = module("sklearn.neural_network")
    settings: dict[str, Any] = {
        "activation": "tanh", "solver": "sgd", "alpha": 0.0, "batch_size": task.batch, "shuffle": False,
        "momentum": 0.0, "nesterovs_momentum": False, "learning_rate": "constant", "learning_rate_init": task.rate,
        "random_state": 0, "hidden_layer_sizes": tuple(task.sizes[1:-1]),
    }  # fmt: skip
    classes = np.arange(task.sizes[-1])

    def run(epochs: int) -> tuple[float, float]:
        perceptron = networks.MLPClassifier(**settings)
        perceptron.partial_fit(
            task.inputs[: task.batch], task.labels[: task.batch], classes=classes
        )  # makes the arrays
        for k in range(task.layers):
            perceptron.coefs_[k][...] = task.start[f"W{k + 1}"]
            perceptron.intercepts_[k][...] = task.start[f"b{k + 1}"]
        tables = [(task.inputs[order], task.labels[order]) for order in (task.order(k).ravel() for k in range(epochs))]
        begin = time.perf_counter()
        for inputs, labels in tables:
            perceptron.partial_fit(inputs, labels)
        return time.perf_counter() - begin, float(perceptron.loss_curve_[-1])

    return run


PEERS: dict[str, tuple[str | None, Callable[[Task], Run]]] = {
    "native": (None, native),
    "JAX, scan": ("jax", jax_scan),
    "JAX, scan, gathered": ("jax", jax_gathered),
    "PyTorch": ("torch", torch_loop),
    "scikit-learn": ("sklearn", scikit_learn),
}
"""By name: the module that a peer needs, and what prepares it."""
