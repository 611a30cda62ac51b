"""Whether cost grows linearly in nodes, and how many operations a gradient takes for one of its function.

For sums, sums over many parameters, deep chains and graphs of shared parts, at growing sizes: the time per node of
building, gradient, second gradient, evaluation, printing and parsing. Flat is linear; p is the exponent of
time ~ nodes^p, fitted by least squares on the logarithms.

Times are processor time of one process, so that other work on the machine counts for less. The sizes are
interleaved: every round runs through all of them. Python's cycle collector is on, as it is for a user, but what
was there before (modules, the table of operations) is frozen out of its sight, and it has run before each clock
starts, so that nothing pays for the rubbish of what came before. ``--no-collector`` turns it off while a clock runs.

The second part counts primitive operations, whatever the machine: those of a gradient by those of its cost, alone
and together with the cost. The bound is 4 (Baur and Strassen 1983).
"""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import click

import steepest as st
from steepest.calculus.program import lower
from steepest.calculus.stability import stabilise
from steepest.expressions.expression import toposort
from steepest.expressions.operations import TABLE
from timing import Options, RefusedError, benchmark, exponent, seconds, table

UNLIMITED = st.Limits(characters=10**9, nesting=10**7)
STAGES = ("build", "gradient", "second", "evaluate", "slope", "print", "parse")
LARGEST_SECOND = 300_000  # nodes; beyond, the graph of a second gradient takes gigabytes
BOUND = 4


# -- graphs ----------------------------------------------------------------------------------------------------


def long_sum(terms: int) -> st.Expression:
    """Σ sin(k·w) over eight parameters."""
    ws = st.params(*(f"w{k}" for k in range(8)))
    found: st.Expression = st.sin(ws[0])
    for k in range(1, terms):
        found = found + st.sin(ws[k % 8] * k)
    return found


def many_parameters(terms: int) -> st.Expression:
    """Σ w_k², each term a parameter of its own."""
    first, *others = st.params(*(f"w{k}" for k in range(terms)))
    found: st.Expression = first**2
    for w in others:
        found = found + w**2
    return found


def deep_chain(depth: int) -> st.Expression:
    """tanh(w·tanh(w·… + b) + b)."""
    found: st.Expression
    found, w, b = st.params("x", "w", "b")
    for _ in range(depth):
        found = st.tanh(found * w + b)
    return found


def shared_parts(depth: int) -> st.Expression:
    """a := sin(a)·cos(a) + w: written out it would have 2^depth parts."""
    found: st.Expression
    found, w = st.params("x", "w")
    for _ in range(depth):
        found = st.sin(found) * st.cos(found) + w
    return found


def nested_products(depth: int) -> st.Expression:
    """Mean of w_k·(…·(w_1·x)), each factor a parameter of its own."""
    found: st.Expression = st.data("x")
    for k in range(depth):
        found = st.params(f"w{k}") * found
    return st.mean(found)


FAMILIES: dict[str, tuple[Callable[[int], st.Expression], tuple[int, ...]]] = {
    "sum of terms": (long_sum, (1000, 3000, 10_000, 30_000, 100_000)),
    "sum over as many parameters": (many_parameters, (1000, 3000, 10_000, 30_000)),
    "chain": (deep_chain, (1000, 3000, 10_000, 50_000)),
    "shared parts": (shared_parts, (1000, 3000, 10_000, 30_000)),
    "nested products": (nested_products, (1000, 3000, 10_000, 30_000)),
}
QUICK = (200, 400, 800)


# -- time a node -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """The nodes of a graph, and the seconds of each stage in each round."""

    nodes: int
    times: dict[str, list[float]]

    def median(self, stage: str) -> float:
        """The median seconds of a stage; NaN if it was left out."""
        return statistics.median(self.times[stage]) if self.times[stage] else math.nan


def sum_of_squares(partials: Mapping[str, st.Expression]) -> st.Expression:
    """‖∇C‖², whose gradient is made of second derivatives: 2·H·∇C."""
    found = st.constant(0)
    for partial in partials.values():
        found = found + partial**2
    return found


def measure(build: Callable[[int], st.Expression], size: int, collector: bool, into: dict[int, Measured]) -> None:
    """Run every stage once on a new graph and note the times.

    Raises:
        RefusedError: the text of the graph does not parse back to it, or a value is not finite.
    """
    kept: list[Any] = []

    def clocked(stage: str, call: Callable[[], Any]) -> Any:
        gc.collect()
        if not collector:
            gc.disable()
        spent[stage] = seconds(lambda: kept.append(call()), time.process_time)
        gc.enable()
        return kept.pop()

    spent: dict[str, float] = {}
    graph = clocked("build", lambda: build(size))
    nodes = len(toposort([graph]))
    into.setdefault(size, Measured(nodes, {stage: [] for stage in STAGES}))
    values = {name: 0.1 + 0.8 / (k + 1) for k, name in enumerate([*graph.data, *graph.parameters])}
    partials = clocked("gradient", lambda: st.gradient(graph))
    found = [clocked("evaluate", lambda: st.evaluate(graph, values))]
    found.extend(clocked("slope", lambda: st.evaluate(partials, values)).values())
    if not all(math.isfinite(value) for value in found):
        raise RefusedError(f"a value of {build.__name__}({size}) or of its gradient is not finite")
    text = clocked("print", lambda: str(graph))
    if clocked("parse", lambda: st.parse(text, graph.data, limits=UNLIMITED)) is not graph:
        raise RefusedError(f"the text of {build.__name__}({size}) does not parse back to the same graph")
    if nodes <= LARGEST_SECOND + 10:
        squares = sum_of_squares(partials)
        clocked("second", lambda: st.gradient(squares))
    for stage, time_spent in spent.items():
        into[size].times[stage].append(time_spent)


def time_part(options: Options, collector: bool) -> dict[str, Any]:
    """Measure, print and return the time a node of every family, size and stage."""
    for build, _ in FAMILIES.values():
        measure(build, 20, collector, {})  # not counted: it loads modules and makes the parser
    gc.collect()
    gc.freeze()
    families: dict[str, dict[int, Measured]] = {name: {} for name in FAMILIES}
    failed: dict[str, str] = {}
    for _ in range(options.rounds):
        for name, (build, sizes) in FAMILIES.items():
            for size in QUICK if options.quick else sizes:
                if name in failed:
                    continue
                try:
                    measure(build, size, collector, families[name])
                except RecursionError:
                    failed[name] = f"{name}: size {size:,} ends in a RecursionError"
    results: dict[str, Any] = {}
    for name, by_size in families.items():
        if name in failed:
            continue
        powers = {stage: power(list(by_size.values()), stage) for stage in STAGES}
        rows = [
            (f"{size:,}", f"{found.nodes:,}", *(f"{1e6 * found.median(stage) / found.nodes:.2f}" for stage in STAGES))
            for size, found in by_size.items()
        ]
        doc = (FAMILIES[name][0].__doc__ or "").rstrip(".")
        options.write(f"{name}: {doc}")
        headers = ("processor time a node, µs", "nodes", *STAGES)
        options.write(table(headers, [*rows, ("exponent p", "", *(f"{p:.2f}" for p in powers.values()))]) + "\n")
        sizes_found = [{"size": size, "nodes": m.nodes, "seconds": m.times} for size, m in by_size.items()]
        results[name] = {"sizes": sizes_found, "exponents": powers}
    options.write(
        "second: the gradient of ‖∇C‖². slope: the gradient evaluated. Nodes are those of the graph itself; "
        f"nan: left out (second gradients beyond {LARGEST_SECOND:,} nodes).\n"
    )
    return {"families": results, "failed": list(failed.values())}


def power(measured: list[Measured], stage: str) -> float:
    """The exponent p of a stage over the sizes at which it was measured."""
    found = [m for m in measured if m.times[stage]]
    return exponent([m.nodes for m in found], [m.median(stage) for m in found])


# -- operations of a gradient ------------------------------------------------------------------------------------


def models() -> Iterator[tuple[str, st.Expression]]:
    """The models of the notes, and networks."""
    yield "linear", st.models.linear().cost
    yield "chain of 5000", long_chain(5000)
    for activation in ("tanh", "relu", "leaky_relu", "softplus"):
        yield f"chain of 50, {activation}", st.models.chain(50, activation).cost
    for cost in st.costs.COSTS:
        yield f"neuron, {cost}", st.models.neuron(cost=cost).cost
    for depth in (1, 2, 4, 50):
        yield f"chain of {depth}", st.models.chain(depth).cost
    yield "XOR 2-2-1", st.models.network([2, 2, 1], activation="sigmoid", cost="mse").cost
    for activation in ("tanh", "relu", "softplus", "leaky_relu"):
        yield f"network 64-32-16-10, {activation}", st.models.network([64, 32, 16, 10], activation, "softmax").cost


def long_chain(depth: int) -> st.Expression:
    """The cost of a chain of sigmoid neurons that is longer than the text of a formula may be."""
    found, y = st.data("x", "y")
    for k in range(depth):
        found = st.sigmoid(found * st.params(f"w{k}") + st.params(f"b{k}"))
    return st.costs.mse(found, y)


def in_a_row(row: st.Operation, length: int, last: bool) -> st.Expression:
    """One operation again and again, its result the first or the last argument of the next."""
    found: st.Expression = st.data("x")
    for k in range(length):
        others = [st.params(f"{letter}{k}") for letter in "uvw"[: row.arity - 1]]
        found = row(*others, found) if last else row(found, *others)
    return st.mean(found * st.params("b"))


def smooth_operations() -> list[st.Operation]:
    """The elementwise operations of the table whose gradient is not 0 everywhere."""
    rows = [row for row in TABLE if row.partials and row.arity and row.shape is None and not row.attributes]
    ws = st.params("w1", "w2", "w3")
    zero = st.constant(0)
    return [row for row in rows if any(p is not zero for p in st.gradient(row(*ws[: row.arity])).values())]


def random_formula(rng: random.Random, rows: list[st.Operation], operations: int) -> st.Expression:
    """A cost of random operations on two columns and four parameters, parts used again at random."""
    parts: list[st.Expression] = [*st.data("x", "y"), *st.params("w1", "w2", "w3", "b")]
    for _ in range(operations):
        row = rng.choice(rows)
        others = [rng.choice(parts) for _ in range(row.arity - 1)]
        parts.append(row(*rng.sample([parts[-1], *others], row.arity)))
    return st.mean(parts[-1] * parts[0] + parts[2])


def operation_ratios(cost: st.Expression) -> tuple[int, float, float]:
    """Primitive operations of a cost, and by these: those of its gradient alone, and of both together."""
    stable = stabilise([cost])[cost]
    partials = list(st.gradient(cost).values())
    own = lower([stable]).cost
    return own, lower(partials).cost / own, lower([stable, *partials]).cost / own


def count_part(options: Options) -> dict[str, Any]:
    """Count, print and return the operations of gradients by those of their costs."""
    smooth = smooth_operations()
    rows = [(name, *operation_ratios(cost)) for name, cost in models()]
    for row in (row for row in smooth if row.arity > 1):
        found = [operation_ratios(in_a_row(row, 30, last)) for last in (False, True)]
        rows.append((f"30 of {row.name} in a row", *max(found, key=lambda ratios: ratios[2])))
    rng = random.Random(0)
    formulas = 50 if options.quick else 1000
    counted = [operation_ratios(random_formula(rng, smooth, rng.randrange(1, 41))) for _ in range(formulas)]
    alone, both = ([found[k] for found in counted] for k in (1, 2))
    written = [(name, str(own), f"{a:.2f}", f"{b:.2f}") for name, own, a, b in rows]
    for word, pick in (("median", statistics.median), ("most", max)):
        written.append((f"{formulas} random formulas, {word}", "", f"{pick(alone):.2f}", f"{pick(both):.2f}"))
    options.write(table(("primitive operations", "of the cost", "gradient / cost", "both / cost"), written))
    most, most_both = max(*alone, *(found[2] for found in rows)), max(*both, *(found[3] for found in rows))
    options.write(f"\nthe bound is {BOUND}; the most found is {most:.4f}, and {most_both:.4f} with the cost itself")
    named = [{"name": name, "operations": own, "gradient": a, "both": b} for name, own, a, b in rows]
    return {"named": named, "random": {"gradient": alone, "both": both}, "most": most, "most_both": most_both}


NO_COLLECTOR = click.Option(["--no-collector"], is_flag=True, help="Turn the cycle collector off while a clock runs.")


@benchmark(__doc__, rounds=3, extra=[NO_COLLECTOR])
def main(options: Options, no_collector: bool) -> dict[str, Any]:
    """Measure, print, and return what goes into the JSON."""
    times = time_part(options, collector=not no_collector)
    found = {"collector": not no_collector, "times": times, "operations": count_part(options)}
    if times["failed"]:
        raise RefusedError("; ".join(times["failed"]))
    return found


if __name__ == "__main__":
    main()
