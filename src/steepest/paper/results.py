"""The sections of a paper that hold numbers: the limit, the check, the training, the comparison, the surface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steepest.checking import Verdict
from steepest.document import Block, Equation, Equations, Formula, Grid, Heading, Paragraph, Pieces, Reference
from steepest.expression import PARAMETER, leaves
from steepest.layered.lines import formula
from steepest.paper.words import count, duration, number
from steepest.render.latex import latex_name

if TYPE_CHECKING:
    from steepest.paper.story import Story

_MOST_ROWS = 12  # of a table of predictions, or numbers of a parameter that are written out
_MEASURED = (3.29, 4)  # how the notes timed NAND, and what counting sigmoids says


def limit_of(story: Story) -> list[Block]:
    """The derivative as a limit, and what it costs to take it as a difference."""
    nodes = leaves([story.model.cost])
    first = next(node for node in nodes if node.operation is PARAMETER)
    name = formula(first)
    if first.shape:
        name = Formula("w", "w")
    w, text = name.latex, name.text
    left = Formula(rf"\frac{{\partial C}}{{\partial {w}}}", f"∂C/∂{text}")
    limit = Formula(
        rf"\lim_{{\varepsilon \to 0}} \frac{{C({w} + \varepsilon) - C({w})}}{{\varepsilon}}",
        f"lim ε→0 (C({text} + ε) − C({text}))/ε",
    )
    blocks: list[Block] = [
        Heading(("The derivative as a limit",)),
        Paragraph(("The partial derivative by a parameter, the others held, is the limit of a difference:",)),
        Equations((Equation(left, limit, "", "limit"),)),
        Paragraph((
            "With a small ", Formula(r"\varepsilon", "ε"), " in place of the limit the cost itself is all that one "
            f"needs, but it has to be computed {count(story.numbers + 1, 'time')} for one gradient: once as it is, and "
            "once for each number that is moved. What is derived below takes as many operations as a few costs do, "
            "however many numbers there are.",
        )),
    ]  # fmt: skip
    if story.steps:
        best = min(story.steps, key=lambda row: row.error)
        rows = tuple(
            ((_power(row.step),), (number(row.difference, 10),), (number(row.error, 2),)) for row in story.steps
        )
        blocks += [
            Paragraph((
                "A smaller ", Formula(r"\varepsilon", "ε"), " is not always better: below ", _power(best.step),
                " the rounding of the cost, divided by ", Formula(r"\varepsilon", "ε"), ", outgrows what is gained "
                "(table ", Reference("steps"), ").",
            )),
            Grid(
                ((Formula(r"\varepsilon", "ε"),), ("difference",), ("error",)), rows,
                ("Forward differences by ", name, " at the start, and how far they are from the derivative."),
                (0, 1, 2), "steps",
            ),
        ]  # fmt: skip
    return blocks


def _power(step: float) -> Formula:
    exponent = round(np.log10(step))
    return Formula(rf"10^{{{exponent}}}", f"1e{exponent}")


def check_of(story: Story) -> list[Block]:
    """The verdicts."""
    report = story.report
    if report is None:
        return []
    rows = tuple(_verdict(row) for row in report)
    said = (
        "All partial derivatives are correct."
        if report.ok
        else "Not all of them are correct; where there is a kink, the slopes to both sides differ."
    )
    which = " Of a parameter with several numbers the one is shown that decided." if _has_arrays(story) else ""
    return [
        Heading(("The gradient, checked",)),
        Paragraph((
            f"At the start, on {story.place}, the derived gradient beside central differences with their error bars "
            "(table ", Reference("check"), f"). {said}{which}",
        )),
        Grid(
            (("parameter",), ("verdict",), ("gradient",), ("by differences",), ("error bar",)), rows,
            ("The gradient at the start of the training.",), (2, 3, 4), "check",
        ),
    ]  # fmt: skip


def _verdict(row: Verdict) -> tuple[Pieces, ...]:
    verdict = f"{row.verdict} {row.factor:.6g}" if row.factor is not None else row.verdict
    name = Formula(latex_name(row.name), row.name)
    return ((name,), (verdict,), (number(row.given, 8),), (number(row.expected, 8),), (number(row.error, 1),))


def _has_arrays(story: Story) -> bool:
    return any(node.shape for node in leaves([story.model.cost]) if node.operation is PARAMETER)


def comparison_of(story: Story) -> list[Block]:
    """Both ways of descending, timed."""
    timing = story.timing
    if timing is None:
        return []
    costs = story.numbers + 1
    rows = (
        (
            ("finite differences",),
            (f"{timing.epochs[1]:,}",),
            (duration(timing.difference),),
            (number(timing.ratio, 3),),
        ),
        (("the derived gradient",), (f"{timing.epochs[0]:,}",), (duration(timing.gradient),), ("1",)),
    )
    neuron = story.model.formula == "z ~ sigmoid(x*w1 + y*w2 + b)"
    notes = (
        f" The notes measured {_MEASURED[0]} for this neuron; counting sigmoids says {_MEASURED[1]}." if neuron else ""
    )
    return [
        Heading(("Two ways of descending, timed",)),
        Paragraph((
            f"An epoch by forward differences computes the cost {count(costs, 'time')}, one by the derived gradient "
            "the cost and its gradient once. Table ", Reference("times"), " gives their times where this was written, "
            f"by the engine {timing.engine}, in turn. The ratio hardly depends on the number of epochs; "
            f"only the gap between the times grows with it.{notes}",
        )),
        Grid(
            (("method",), ("epochs timed",), ("an epoch",), ("ratio",)), rows, ("Times of an epoch.",), (1, 2, 3),
            "times",
        ),
    ]  # fmt: skip
