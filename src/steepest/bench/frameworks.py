"""JAX, Numba, PyTorch and scikit-learn, each in its fastest form that was found."""

from __future__ import annotations

import time
import warnings
from typing import Any

from steepest.bench.neuron import LOOPS, RATE, START, STEP, Method, X, Y, Z, cost
from steepest.bench.peer import Peer, Run, load, timed


class Jax(Peer):
    """All epochs in one ``lax.fori_loop``, compiled ahead, its parameters donated.

    Scalars are twice as fast here as one vector, and finite differences as one array of samples by points twice as
    fast as ``vmap`` or four costs. No cost is computed in between.
    """

    name, title, needs = "jax", "JAX fori_loop", "jax"
    about = "all epochs in one lax.fori_loop, compiled ahead"
    modules = ("numpy", "jax", "jax.numpy")

    def prepare(self, method: Method) -> Run:
        """Trace and compile, in float64 and on the CPU whatever JAX's configuration."""
        jax, jnp, np = load("jax"), load("jax.numpy"), load("numpy")
        double = jax.enable_x64 if hasattr(jax, "enable_x64") else load("jax.experimental").enable_x64
        x, y, z = (np.array(column) for column in (X, Y, Z))
        shifts = np.zeros((4, 3))
        shifts[1:] = STEP * np.eye(3)

        def mean_square(params: Any) -> Any:
            w1, w2, b = params
            return jnp.mean((jax.nn.sigmoid(x * w1 + y * w2 + b) - z) ** 2)

        def by_gradient(params: Any) -> Any:
            return tuple(w - RATE * g for w, g in zip(params, jax.grad(mean_square)(params), strict=True))

        def by_differences(params: Any) -> Any:
            w1, w2, b = (w + shifts[:, k] for k, w in enumerate(params))
            a = 1 / (1 + jnp.exp(-(x[:, None] * w1 + y[:, None] * w2 + b)))
            costs = ((a - z[:, None]) ** 2).mean(axis=0)
            return tuple(w - RATE / STEP * (costs[k + 1] - costs[0]) for k, w in enumerate(params))

        advance = by_gradient if method == "GD" else by_differences

        def epochs_of(params: Any, epochs: Any) -> Any:
            return jax.lax.fori_loop(0, epochs, lambda _, now: advance(now), params)

        def start() -> Any:
            return tuple(jnp.asarray(w) for w in START)

        processor = jax.devices("cpu")[0]
        with double(True), jax.default_device(processor):
            loop = jax.jit(epochs_of, donate_argnums=0).lower(start(), jnp.int32(0)).compile()

        def run(epochs: int) -> tuple[float, float]:
            with double(True), jax.default_device(processor):
                params, count = jax.block_until_ready((start(), jnp.int32(epochs)))
                clock = time.perf_counter()
                found = jax.block_until_ready(loop(params, count))
                spent = time.perf_counter() - clock
            return spent, cost(X, Y, Z, *map(float, found))

        return run


class Numba(Peer):
    """The loops of plain Python, compiled by ``@njit``; with fastmath it may reorder sums."""

    needs = "numba"
    about = "plain loops under @njit"
    modules = ("numpy", "numba")

    def __init__(self, fast: bool) -> None:
        self.fast = fast
        self.name, self.title = ("numba-fast", "Numba fastmath") if fast else ("numba", "Numba")

    def prepare(self, method: Method) -> Run:
        """Compile for arrays of float64."""
        numba, np = load("numba"), load("numpy")
        loop = numba.njit(fastmath=self.fast)(LOOPS[method])
        columns = [np.array(column) for column in (X, Y, Z)]
        loop(*columns, START, RATE, STEP, 0)
        return timed(lambda epochs: loop(*columns, START, RATE, STEP, epochs))


class Torch(Peer):
    """PyTorch in its usual form: autograd and ``optim.SGD``, a Python call per operation."""

    name, title, needs = "torch", "PyTorch eager", "torch"
    about = "autograd and optim.SGD, one call per operation"
    modules = ("torch",)

    def prepare(self, method: Method) -> Run:
        """Make the tensors; nothing is compiled."""
        torch = load("torch")
        x, y, z = (torch.tensor(column, dtype=torch.float64) for column in (X, Y, Z))
        shifts = torch.zeros(4, 3, 1, dtype=torch.float64)
        shifts[1:, :, 0] = STEP * torch.eye(3, dtype=torch.float64)

        def by_gradient(epochs: int) -> Any:
            params = [torch.tensor(w, dtype=torch.float64, requires_grad=True) for w in START]
            w1, w2, b = params
            optimiser = torch.optim.SGD(params, lr=RATE)
            for _ in range(epochs):
                optimiser.zero_grad()
                ((torch.sigmoid(x * w1 + y * w2 + b) - z) ** 2).mean().backward()
                optimiser.step()
            return [w.item() for w in params]

        def by_differences(epochs: int) -> Any:
            params = torch.tensor(START, dtype=torch.float64)
            with torch.no_grad():
                for _ in range(epochs):
                    w1, w2, b = (params[:, None] + shifts).unbind(1)
                    costs = ((torch.sigmoid(x * w1 + y * w2 + b) - z) ** 2).mean(1)
                    params = params - RATE / STEP * (costs[1:] - costs[0])
            return params.tolist()

        return timed(by_gradient if method == "GD" else by_differences)


class ScikitLearn(Peer):
    """``MLPClassifier.partial_fit``, the full batch in each epoch.

    It has no sigmoid output with a squared error and minimises the cross-entropy of the same neuron instead: the work
    is nearly the same, the final parameters differ. The cost shown is the squared error at these.
    """

    name, title, needs = "sklearn", "scikit-learn *", "sklearn"
    about = "minimises the cross-entropy, its nearest cost"
    modules = ("numpy", "sklearn.neural_network")
    methods: tuple[Method, ...] = ("GD",)
    same = False

    def prepare(self, method: Method) -> Run:
        """Make the arrays of a perceptron without hidden layers."""
        networks, np = load("sklearn.neural_network"), load("numpy")
        features, target = np.array([X, Y]).T, np.array(Z)

        def run(epochs: int) -> tuple[float, float]:
            neuron = networks.MLPClassifier(
                hidden_layer_sizes=(), activation="logistic", solver="sgd", alpha=0.0, batch_size=len(Z),
                shuffle=False, momentum=0.0, nesterovs_momentum=False, learning_rate_init=RATE, random_state=0,
            )  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                neuron.partial_fit(features, target, classes=[0, 1])
                neuron.coefs_[0][:, 0], neuron.intercepts_[0][0] = START[:2], START[2]
                clock = time.perf_counter()
                for _ in range(epochs):
                    neuron.partial_fit(features, target)
                spent = time.perf_counter() - clock
            w1, w2 = neuron.coefs_[0][:, 0].tolist()
            return spent, cost(X, Y, Z, w1, w2, float(neuron.intercepts_[0][0]))

        return run
