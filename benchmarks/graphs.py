"""How long computational graphs of some 2,000 nodes take: their numbers, their layout by Graphviz, their SVG.

The bar: a layout within 5 s. The graphs are a chain of 400 layers, folded and whole; a sum of 400 terms that share two
names; a balanced tree of 512 products; 60 neurons of single numbers with ten inputs each; and one drawn at random.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from typing import Any

import steepest as st
from timing import Options, benchmark, interleaved, seconds, table

BAR = 5.0
Case = tuple[st.Expression, dict[str, float]]


def chain(size: int) -> Case:
    """As many sigmoid neurons, one after another."""
    a, y, values = *st.data("x", "y"), {"x": 0.5, "y": 1.0}
    for k in range(size):
        a = st.sigmoid(a * st.params(f"w{k}") + st.params(f"b{k}"))
        values |= {f"w{k}": 0.8, f"b{k}": -0.2}
    return st.mean((a - y) ** 2), values


def shared_sum(size: int) -> Case:
    """Σ w_k sin(k·x + y), left to right."""
    x, y, values = *st.params("x", "y"), {"x": 0.5, "y": 1.0}
    total = x * y
    for k in range(size):
        total, values[f"w{k}"] = total + st.params(f"w{k}") * st.sin(x * k + y), 1.0
    return total, values


def _balanced(parts: list[st.Expression]) -> st.Expression:
    while len(parts) > 1:
        pairs = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[len(parts) // 2 * 2 :]
    return parts[0]


def tree(size: int) -> Case:
    """A balanced sum of products."""
    values = {f"{letter}{k}": 1.0 for k in range(size) for letter in "wx"}
    return _balanced([st.params(f"w{k}") * st.params(f"x{k}") for k in range(size)]), values


def neurons(size: int) -> Case:
    """A layer of neurons, each weight a number of its own, and their sum."""
    inputs, values = [st.params(f"x{k}") for k in range(10)], {f"x{k}": 0.1 * k for k in range(10)}
    outputs = []
    for j in range(size):
        weights = [st.params(f"w{j}_{k}") for k in range(10)]
        values |= dict.fromkeys((weight.name for weight in weights), 0.1)
        outputs.append(st.tanh(_balanced([w * x for w, x in zip(weights, inputs, strict=True)])))
    return _balanced(outputs), values


def drawn(size: int) -> Case:
    """Operations on whatever was there before, the same ones every time."""
    choose = random.Random(1)
    pool = [st.params(f"p{k}") for k in range(40)]
    values = {leaf.name: 0.1 for leaf in pool}
    while len(pool) < size:
        a, b = choose.choice(pool[-200:]), choose.choice(pool[-200:])
        pool.append(choose.choice([a + b, a * b, st.sin(a) * b, a - b, st.tanh(b)]))
    return _balanced(pool), values


def cases(quick: bool) -> dict[str, tuple[Case, Any]]:
    """The graphs, and which of their layers are unfolded."""
    less = 10 if quick else 1
    return {
        "chain of 400 layers, folded": (chain(400 // less), ()),
        "the same, whole": (chain(400 // less), "all"),
        "sum of 400 terms": (shared_sum(400 // less), None),
        "tree of 512 products": (tree(512 // less), None),
        "60 neurons of 10 inputs": (neurons(60 // less), None),
        "drawn at random": (drawn(1000 // less), None),
    }


@benchmark(__doc__, rounds=5)
def main(options: Options) -> dict[str, Any]:
    """Measure, print, and return what goes into the JSON."""
    made = {name: (root, values, unfold) for name, ((root, values), unfold) in cases(options.quick).items()}
    graphs = {name: st.graph(root, values, unfold=unfold) for name, (root, values, unfold) in made.items()}

    def fresh(name: str) -> Any:
        root, values, unfold = made[name]
        return st.graph(root, values, unfold=unfold)

    def laid_out(name: str) -> Callable[[], float]:
        def measured() -> float:
            graph = fresh(name)
            graph.view  # noqa: B018 - what is to be laid out is not part of the layout
            return seconds(lambda: graph.scene)

        return measured

    numbers = interleaved({name: lambda name=name: seconds(lambda: fresh(name)) for name in made}, options.rounds)
    layouts = interleaved({name: laid_out(name) for name in made}, options.rounds)
    svgs = interleaved({name: lambda name=name: seconds(graphs[name].svg) for name in made}, options.rounds)
    rows = [
        (
            name,
            f"{len(graphs[name].numbers.nodes):,}",
            f"{len(graphs[name].view.boxes):,}",
            *(f"{statistics.median(times[name]):.3f}" for times in (numbers, layouts, svgs)),
            f"{max(layouts[name]):.3f}",
        )
        for name in made
    ]
    headers = ("graph", "nodes", "boxes", "numbers, s", "layout, s", "SVG, s", "slowest layout, s")
    options.write(table(headers, rows))
    slowest = max(max(times) for times in layouts.values())
    options.write(f"\nThe slowest layout took {slowest:.2f} s; the bar is {BAR:g} s.\n")
    return {"numbers": numbers, "layouts": layouts, "svgs": svgs}


if __name__ == "__main__":
    main()
