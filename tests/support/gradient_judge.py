"""Judge gradients of random costs by exact slopes: what is not a number, what is inexact, where a peer is better."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import steepest as st
from exact_slopes import Slopes
from random_costs import described, exact_point
from steepest.calculus.prepared import PreparedCost
from steepest.checking.round_off import RoundOff
from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, toposort
from steepest.tables.values import bind
from strategies import Case

EXACT = 1e-10
"""An error below this, relative to the derivative, is round-off."""
PEER = 1e-9
"""A peer is right if its relative error is below this."""
ROUND_OFF = 50
"""Times the change of the derivative if every operation of the cost is wrong by half a unit: terms that cancel."""
OF_PEER = 10
"""Times the error of the peer."""
UNDERFLOW, OVERFLOW = 1e-290, 1e290

NOT_FINITE, INEXACT, PEERS = "not finite", "inexact", "in the peer's favour"


@dataclass(frozen=True)
class Finding:
    """A derivative that is judged wrong.

    Attributes:
        kind: NOT_FINITE, INEXACT or PEERS.
        case: the cost and the point.
        element: the parameter and the place.
        found, true, peer: what steepest has, what is right, and what the peer has.
    """

    kind: str
    case: Case
    element: tuple[str, tuple[int, ...]]
    found: float
    true: float
    peer: float

    def __str__(self) -> str:
        name, index = self.element
        place = f"{name}{list(index)}" if index else name
        return f"{described(self.case)}  by {place}: {self.found!r}, true {self.true!r}, peer {self.peer!r}"


@dataclass
class Judgement:
    """What was found in many cases.

    Attributes:
        findings: the derivatives that are wrong.
        counts: how many elements were judged, and how many left out, by reason.
    """

    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def report(self, most: int = 12) -> str:
        """Return the number of findings of each kind, with the simplest."""
        kinds = defaultdict(list)
        for finding in self.findings:
            kinds[finding.kind].append(finding)
        lines = [str(dict(self.counts))]
        for kind, found in kinds.items():
            found.sort(key=lambda f: len(toposort([f.case.cost])))
            first = {finding.case.cost: finding for finding in reversed(found)}
            lines.append(f"{kind}: {len(found)} elements of {len(first)} costs; the simplest:")
            lines += [f"    {finding}" for finding in list(first.values())[: -most - 1 : -1]]
        return "\n".join(lines)


def elements(case: Case) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Return the parameters of a cost, element by element."""
    for name in case.cost.parameters:
        for index in np.ndindex(np.shape(case.values[name])):
            yield name, index


def true_slopes(case: Case) -> dict[tuple[str, tuple[int, ...]], Slopes]:
    """Return the slopes by every element of every parameter."""
    exact = exact_point(case)
    return {(name, index): exact.slopes(name, index) for name, index in elements(case)}


def reference_gradient(case: Case) -> tuple[float, dict[str, Any]]:
    """Return the cost and its gradient by the reference engine."""
    prepared = PreparedCost(case.cost)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = st.evaluate({**prepared.partials(), None: case.cost}, case.values)
    return float(found.pop(None)), found


def within_round_off(case: Case, found: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """Return a gradient with the reference in place of what differs from it by no more than round-off may do."""
    prepared = PreparedCost(case.cost)
    program, bound = prepared.program(), bind([case.cost], case.values)
    bounds = RoundOff(program.only(program.outputs[1:]))(bound.arrays, bound.rows)
    made = {}
    for name, bar in zip(prepared.partials(), bounds, strict=True):
        near = np.abs(np.asarray(found[name]) - reference[name]) / 4 <= np.asarray(bar)
        made[name] = np.where(near, reference[name], found[name])
    return made


def native_gradient(case: Case) -> dict[str, Any]:
    """Return the gradient of the first step of a descent by the native engine.

    The velocity of a descent with momentum is the gradient after one step; the rate is so small that nothing moves.
    """
    start = {name: case.values[name] for name in case.cost.parameters}
    table = {name: case.values[name] for name in case.cost.data} or None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = st.descend(
            case.cost, table, start=start, rate=1e-307, epochs=1, engine="native", optimiser="momentum", progress=False
        )
    return {name: run.memory[f"(momentum 1) {name}"] for name in start}


def judge(
    case: Case, found: Mapping[str, Any], peer: Callable[[], Mapping[str, Any]], judgement: Judgement,
    finite: bool = True,
) -> None:  # fmt: skip
    """Judge a gradient by the true slopes, and add what is found.

    An element is left out if its one-sided slopes differ, or if one of them is not finite. A derivative may be wrong
    by round-off: by EXACT of itself, by ROUND_OFF times what a rounding of every operation of the cost does to it, and
    by OF_PEER times the error of the peer, whichever is the largest. The peer is asked only about derivatives that are
    not exact; ``finite`` is whether the cost is in double precision.
    """
    exact = exact_point(case)
    by_peer: Mapping[str, Any] | None = None
    unknown = False
    for name, index in elements(case):
        slopes = exact.slopes(name, index)
        if slopes.derivative is None:
            judgement.counts["left out: a kink" if slopes.kink else "left out: no slope on a side"] += 1
            continue
        true, g = float(slopes.derivative), float(np.asarray(found[name])[index])
        if not abs(true) < OVERFLOW:
            judgement.counts["left out: too large"] += 1
            continue
        judgement.counts["judged"] += 1
        if np.isfinite(g) and abs(g - true) <= EXACT * abs(true) + UNDERFLOW:
            continue
        by_peer = by_peer or peer()
        j = float(np.asarray(by_peer[name])[index])
        kind = _kind(g, j, true, finite)
        if kind in (INEXACT, PEERS):
            spread = max((abs(float(slope) - true) for slope in exact.jittered(name, index)), default=0.0)
            kind = None if abs(g - true) <= ROUND_OFF * spread else kind
            judgement.counts["terms that cancel"] += kind is None
        elif kind is None:
            judgement.counts["as the peer" if finite else "left out: the cost overflows"] += 1
        if kind in (INEXACT, NOT_FINITE) and (why := excused(case)):
            judgement.counts[f"left out: {why}"] += 1
            unknown = unknown or kind == NOT_FINITE
            kind = None
        if kind:
            judgement.findings.append(Finding(kind, case, (name, index), g, true, j))
    judgement.counts["costs without a derivative"] += unknown


def excused(case: Case) -> str:
    """Return why the rules of derivatives do not give the true one at a point; an empty text if they should.

    At a tie the rules take the slope of one side of one operation; the true slopes of the cost may agree all the same.
    At an exact 0 the slope of a root is infinite, though what is below it may be 0 around the point, too.
    """
    point = {**case.values}
    nodes = toposort([case.cost])
    ties = [kink(*node.args) for node in nodes for kink in node.operation.kinks if node.operation is not op.hypot]
    steep = [node.args[0] for node in nodes if node.operation in (op.sqrt, op.power)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = st.evaluate({**dict(enumerate([*ties, *steep])), None: case.cost}, point)
    if any(np.any(np.asarray(found[k]) == 0) for k in range(len(ties))):
        return "at a tie of an operation"
    moving = [node for node in nodes if node.operation is op.power and node.args[1].operation is not CONSTANT]
    if any(np.any(np.asarray(found[len(ties) + steep.index(node.args[0])]) < 0) for node in moving):
        return "at a power of a negative number whose exponent moves"
    exact_zero = (np.any(np.asarray(found[len(ties) + k]) == 0) for k in range(len(steep)))
    return "at a root or power of 0" if any(exact_zero) else ""


def _kind(g: float, j: float, true: float, finite: bool) -> str | None:
    """Return what is wrong with a derivative that is not exact."""
    peer_error = abs(j - true)
    peer_right = bool(np.isfinite(j)) and peer_error <= PEER * abs(true) + UNDERFLOW
    if not np.isfinite(g):
        return PEERS if peer_right else NOT_FINITE if finite else None
    if peer_right and abs(g - true) > PEER * abs(true) + UNDERFLOW:
        return PEERS
    allowed = OF_PEER * peer_error if np.isfinite(j) else 0.0
    return INEXACT if finite and abs(g - true) > allowed else None


def seeds(chunk: int, size: int) -> range:
    """Return the seeds of a chunk of cases."""
    return range(chunk * size, (chunk + 1) * size)
