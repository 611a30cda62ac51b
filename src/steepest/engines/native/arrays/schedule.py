"""The order of a step on arrays: products, loops over elements, and what may be computed in the same loop.

A pass over the samples (see :mod:`steepest.calculus.passes`) is divided into *phases*. A phase begins with products of
rows and matrices, whose factors earlier phases have stored, and continues with everything that a row can compute by
itself: loops over its elements, and numbers. Shared nodes are divided likewise into *stages*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, prod

from steepest.calculus.passes import passes
from steepest.calculus.program import Program
from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.functions.elementwise import MULTIPLY
from steepest.expressions.expression import CONSTANT, DATA, OPERATIONS, PARAMETER, Expression, Shape, make, transform
from steepest.expressions.traversal import in_reading_order

REDUCTIONS: dict[str, tuple[float, str]] = {
    "sum": (0.0, "add"), "dot": (0.0, "add"), "matmul": (0.0, "add"), "largest": (-inf, "maximum")
}  # fmt: skip
"""Operations that make one number of the elements of others: what they begin with, and the primitive that joins."""
WHOLE = frozenset(("matmul", "transpose", "outer"))
"""Operations on whole arrays, whose arguments lie in memory."""
FREE = frozenset(("one_hot", "expand"))
"""Operations that are cheaper to compute again than to read from memory, besides short elementwise ones."""


Turn = tuple[int, ...]
"""The time of something in a step: round; 0 for shared nodes, 1 for rows, 2 for sums; stage or phase; parts of it."""
Turns = list[tuple[Turn, Sequence[Expression]]]
"""What is computed together, and when, in order."""


@dataclass(frozen=True)
class Loop:
    """A loop over the elements of one shape; its reductions are complete at its end."""

    shape: Shape
    nodes: tuple[Expression, ...]

    @property
    def reductions(self) -> tuple[Expression, ...]:
        """The nodes that are reductions."""
        return tuple(node for node in self.nodes if is_reduction(node))


@dataclass(frozen=True)
class Stage:
    """Operations on whole arrays, then numbers, then independent loops."""

    whole: tuple[Expression, ...]
    numbers: tuple[Expression, ...]
    loops: tuple[Loop, ...]


@dataclass(frozen=True)
class Phase:
    """One pass down the rows of a block.

    Attributes:
        products: of rows and shared matrices, which are computed first.
        before: per-sample numbers that do not depend on this phase's loops; lanes carry samples.
        stages: loops, and the numbers between them; lanes carry features.
        after: per-sample numbers that no loop uses; lanes carry samples again.
    """

    products: tuple[Expression, ...]
    before: tuple[Expression, ...]
    stages: tuple[Stage, ...]
    after: tuple[Expression, ...]


@dataclass(frozen=True)
class Round:
    """A pass: shared stages, phases of each block of samples, and sums over the samples."""

    shared: tuple[Stage, ...]
    phases: tuple[Phase, ...]
    sums: tuple[Expression, ...]


def is_reduction(node: Expression) -> bool:
    """Return whether a node reduces the elements of another to one number."""
    if node.operation.name == "matmul":  # of two vectors
        return all(len(arg.shape) == 1 for arg in node.args)
    return node.operation.name in REDUCTIONS


def is_whole(node: Expression) -> bool:
    """Return whether a node is computed from arrays in memory."""
    return node.operation.name in WHOLE and not is_reduction(node)


@lru_cache(maxsize=16)  # short descents would spend most of their time on traversing the graph again
def normalised(program: Program) -> Program:
    """Replace every product of a matrix and a vector: M v = v Mᵀ."""

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        if node.operation.name == "matmul" and [len(arg.shape) for arg in args] == [2, 1]:
            return make(node.operation, (args[1], make(OPERATIONS["transpose"], args[:1])))
        return node if args == node.args else make(node.operation, args, node.attributes)

    new = transform(program.outputs, visit)
    outputs = tuple(new[output] for output in program.outputs)
    return Program(tuple(in_reading_order(outputs)), outputs)


def is_supported(program: Program) -> bool:
    """Return whether arrays can compute a program: no sample has a matrix of its own."""
    nodes = [node for node in normalised(program).nodes if node.per_sample]
    return not any(len(node.shape) > 1 or node.operation.name in ("transpose", "outer") for node in nodes)


def rounds(program: Program) -> list[Round]:
    """Return the passes of a normalised program, divided into phases and stages."""
    found = []
    for each in passes(program):
        shared = [node for node in each.shared if node.args]
        sampled = [node for node in each.sampled if node.operation is not DATA]
        found.append(Round(tuple(stages(shared)), tuple(_phases(sampled, each.sums)), each.sums))
    return found


# -- stages ------------------------------------------------------------------------------------------------------


def stages(nodes: Sequence[Expression]) -> list[Stage]:
    """Divide nodes, whose other arguments are computed already, into stages."""
    inside = set(nodes)
    home: dict[Expression, int] = {}
    for node in nodes:
        home[node] = max((_ready(arg, node, home) for arg in node.args if arg in inside), default=0)
    cut = []
    for k in range(max(home.values(), default=-1) + 1):
        here = [node for node in nodes if home[node] == k]
        whole = [node for node in here if is_whole(node)]
        numbers = [node for node in here if not node.shape and not is_reduction(node) and node not in whole]
        shapes: dict[Shape, list[Expression]] = {}
        for node in here:
            if node not in whole and (node.shape or is_reduction(node)):
                shapes.setdefault(_domain(node), []).append(node)
        loops = tuple(Loop(shape, tuple(each)) for shape, each in shapes.items())
        cut.append(Stage(tuple(whole), tuple(numbers), loops))
    return cut


def _domain(node: Expression) -> Shape:
    """Return the shape over whose elements a loop runs to compute a node."""
    return next(arg.shape for arg in node.args if arg.shape) if is_reduction(node) else node.shape


def _ready(arg: Expression, user: Expression, home: dict[Expression, int]) -> int:
    """Return the first stage in which an argument can be used."""
    later = is_reduction(arg) or (arg.shape and is_whole(user)) or (not is_whole(arg) and _is_number_later(arg, user))
    return home[arg] + bool(later)


def _is_number_later(arg: Expression, user: Expression) -> bool:
    """Return whether a number needs the result of a loop of its stage: only reductions give one."""
    return bool(arg.shape) and not user.shape and not is_reduction(user)


# -- phases ------------------------------------------------------------------------------------------------------


def _is_cheap(node: Expression) -> bool:
    primitive = ELEMENTWISE.get(node.operation.name)
    return node.operation.name in FREE if primitive is None else primitive.latency <= MULTIPLY


def _phases(nodes: Sequence[Expression], sums: Sequence[Expression]) -> list[Phase]:
    inside, when = set(nodes), dict.fromkeys(nodes, 0)
    for node in nodes:
        when[node] = max((when[arg] for arg in node.args if arg in inside), default=0) + is_whole(node)
    users: dict[Expression, list[Expression]] = {}
    for node in nodes:
        for arg in node.args:
            users.setdefault(arg, []).append(node)
    summed = {arg for node in sums for arg in node.args}
    for node in reversed(nodes):
        # A cheap node is computed where it is used, rather than stored for later.
        if _is_cheap(node) and node not in summed and node in users:
            when[node] = max(when[node], min(when[user] - is_whole(user) for user in users[node]))
    found = []
    for k in range(max(when.values(), default=-1) + 1):
        here = [node for node in nodes if when[node] == k]
        found.append(_phase([n for n in here if is_whole(n)], [n for n in here if not is_whole(n)]))
    return found


def _phase(products: list[Expression], nodes: list[Expression]) -> Phase:
    cut = stages(nodes)
    last = max((k for k, stage in enumerate(cut) if stage.loops), default=-1)
    if last < 0:
        return Phase(tuple(products), tuple(nodes), (), ())
    wanted = {arg for stage in cut for loop in stage.loops for node in loop.nodes for arg in node.args}
    for stage in reversed(cut):
        for node in reversed(stage.numbers):
            if node in wanted:
                wanted.update(node.args)
    # What no loop uses, such as the logarithm of a loss, is computed for as many samples at once as there are lanes.
    after = [node for stage in cut[1:] for node in stage.numbers if node not in wanted]
    kept = [
        Stage((), tuple(node for node in stage.numbers if k and node in wanted), stage.loops)
        for k, stage in enumerate(cut[: last + 1])
    ]
    return Phase(tuple(products), cut[0].numbers, tuple(kept), tuple(after))


# -- what must be kept in memory ---------------------------------------------------------------------------------


def turns(order: Sequence[Round], in_registers: Callable[[Phase], bool]) -> Turns:
    """Return the turns of a step; the loops of a phase ``in_registers`` are one, since a row's values stay there."""
    found: Turns = []
    for r, each in enumerate(order):
        for s, stage in enumerate(each.shared):
            found.append(((r, 0, s), (*stage.whole, *stage.numbers)))
            found += [((r, 0, s, k), loop.nodes) for k, loop in enumerate(stage.loops)]
        for p, phase in enumerate(each.phases):
            rows = (r, 1, p, 1)
            found += [((r, 1, p), phase.products), ((r, 1, p, 0), phase.before)]
            for s, stage in enumerate(phase.stages):
                found.append((rows, stage.numbers))
                found += [(rows if in_registers(phase) else (*rows, s, k), loop.nodes)
                          for k, loop in enumerate(stage.loops)]  # fmt: skip
            found.append(((r, 1, p, 2), phase.after))
        found.append(((r, 2), each.sums))
    return found


def nodes_in_memory(outputs: Sequence[Expression], order: Turns) -> set[Expression]:
    """Return the nodes whose values are used outside their own turn; operations on whole arrays read from memory."""
    elsewhere: Turn = (-1,)
    uses = {output: {elsewhere} for output in outputs}
    for turn, nodes in order:
        for node in nodes:
            for arg in node.args:
                uses.setdefault(arg, set()).add(elsewhere if is_whole(node) else turn)
    home = {node: turn for turn, nodes in order for node in nodes}
    return {
        node for node, found in uses.items()
        if node.operation not in (CONSTANT, DATA, PARAMETER) and found - {home.get(node, ())}
    }  # fmt: skip


def multiplications(program: Program, rows: int) -> int:
    """Estimate the multiplications of a step for so many samples."""
    found = 0
    for node in program.nodes:
        size = prod(node.shape) * (rows if node.per_sample else 1)
        if node.operation.name == "matmul":
            size *= node.args[1].shape[0]
        elif node.operation.name == "total_outer":
            size *= rows
        found += size
    return found
