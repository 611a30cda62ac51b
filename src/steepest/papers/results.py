"""Write the sections of a paper about differences: the limit, the check, and the comparison of times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steepest.checking.report import KINK, Verdict
from steepest.derivations.layers import dense_layers
from steepest.derivations.lines import formula
from steepest.documents import document as doc
from steepest.papers.words import cost_letter, count, duration, name_of, number, small_step

if TYPE_CHECKING:
    from steepest.papers.experiment import Experiment

_MEASURED = 3.29  # how the notes timed NAND


def limit_of(experiment: Experiment) -> list[doc.Block]:
    """Return the derivative as a limit, and what it costs to take it as a difference."""
    first = experiment.parameters[0]
    layers = dense_layers(experiment.model.prediction)
    name = doc.Formula(r"\theta", "θ") if first.shape or (layers is not None and len(layers) > 1) else formula(first)
    w, text = name.latex, name.text
    c, ε = cost_letter(experiment.model), small_step(experiment.model)
    left = doc.Formula(rf"\frac{{\partial {c.latex}}}{{\partial {w}}}", f"∂{c.text}/∂{text}")
    limit = doc.Formula(
        rf"\lim_{{{ε.latex} \to 0}} \frac{{{c.latex}({w} + {ε.latex}) - {c.latex}({w})}}{{{ε.latex}}}",
        f"lim {ε.text}→0 ({c.text}({text} + {ε.text}) − {c.text}({text}))/{ε.text}",
    )
    blocks: list[doc.Block] = [
        doc.Heading(("The derivative as a limit",)),
        doc.Paragraph((
            "The partial derivative with respect to a number ", name, " among the parameters, the others held "
            "constant, is the limit of a difference quotient:",
        )),
        doc.Equations((doc.Equation(left, limit, "", "limit"),)),
        doc.Paragraph((
            "With a small ", ε, " in place of the limit only the cost itself is needed, "
            f"but it is computed {count(experiment.numbers + 1, 'time')} for one gradient: once as it is, and once for "
            "each shifted parameter. The gradient derived below takes as many operations as a few costs, however many "
            "parameters there are.",
        )),
    ]  # fmt: skip
    if experiment.steps:
        moved = formula(next(node for node in experiment.parameters if not node.shape))
        rows = tuple(
            ((_power(row.step),), (number(row.difference, 10),), (number(row.error, 2),)) for row in experiment.steps
        )
        blocks += [
            doc.Paragraph(_settling(experiment)),
            doc.Table(
                ((ε,), ("difference",), ("error",)), rows,
                ("Forward differences with respect to ", moved, " at the start, and their errors."),
                (0, 1, 2), "steps",
            ),
        ]  # fmt: skip
    return blocks


def _settling(experiment: Experiment) -> doc.Inlines:
    """State how the differences behave as ε shrinks: rounding takes over, nothing changes, or there is a kink."""
    ε, table = small_step(experiment.model), ("(table ", doc.Reference("steps"), ").")
    best = min(experiment.steps, key=lambda row: row.error)
    kinks = experiment.report is not None and any(row.verdict == KINK for row in experiment.report)
    if kinks:
        return ("There is a kink here: forward differences converge to the slope to the right of it ", *table)
    if max(row.error for row in experiment.steps) == 0:
        return ("Here the cost is a straight line, and every ", ε, " gives its slope ", *table)
    if best is not experiment.steps[0] and experiment.steps[-1].error > 10 * best.error:
        return (
            "A smaller ", ε, " is not always better: below ", _power(best.step),
            " the rounding of the cost, divided by ", ε, ", outgrows what is gained ", *table,
        )  # fmt: skip
    return ("How close the differences come for each ", ε, " is shown here ", *table)


def _power(step: float) -> doc.Formula:
    exponent = round(np.log10(step))
    return doc.Formula(rf"10^{{{exponent}}}", f"1e{exponent}")


def check_of(experiment: Experiment) -> list[doc.Block]:
    """Return the section about the check of the gradient."""
    report = experiment.report
    if report is None:
        return []
    rows = tuple(_verdict(row) for row in report)
    said = (
        "All partial derivatives are correct."
        if report.ok
        else "Not all of them are correct. At a kink there is no derivative; the rules take a one-sided value there "
        "by convention."
    )
    details = tuple(doc.Paragraph((f"{row.name}: {row.detail}.",)) for row in report if not row.ok and row.detail)
    arrays = any(node.shape for node in experiment.parameters)
    which = " For a matrix or vector the table shows the entry with the largest discrepancy." * arrays
    return [
        doc.Heading(("The gradient, checked",)),
        doc.Paragraph((
            f"At the start, on {experiment.place}, the derived gradient is compared with differences of the cost, "
            "computed with more digits than the gradient where that is needed (table ", doc.Reference("check"),
            f"). {said}{which}",
        )),
        doc.Table(
            (("parameter",), ("verdict",), ("gradient",), ("by differences",), ("error bar",)), rows,
            ("The gradient at the start of the training.",), (2, 3, 4), "check",
        ),
        *details,
    ]  # fmt: skip


def _verdict(row: Verdict) -> tuple[doc.Inlines, ...]:
    verdict = f"{row.verdict} {row.factor:.6g}" if row.factor is not None else row.verdict
    name = name_of(row.name)
    return ((name,), (verdict,), (number(row.given, 8),), (number(row.expected, 8),), (number(row.error, 1),))


def comparison_of(experiment: Experiment) -> list[doc.Block]:
    """Return the section that times both ways of descending."""
    timing = experiment.timing
    if timing is None:
        return []
    many, costs = [f"{epochs:,}" for epochs in timing.epochs], count(experiment.numbers + 1, "time")
    rows = (
        (("finite differences",), (many[1],), (duration(timing.difference),), (number(timing.ratio, 3),)),
        (("the derived gradient",), (many[0],), (duration(timing.gradient),), ("1",)),
    )
    neuron = experiment.model.formula == "z ~ sigmoid(x*w1 + y*w2 + b)"
    notes = (
        " The native engine evaluates the shifted costs side by side in vector registers, so finite differences cost "
        "less than their count suggests." * (timing.engine == "native")
    )
    notes += f" A lecture note on this neuron measured a ratio of {_MEASURED}; counting sigmoids says 4." * neuron
    return [
        doc.Heading(("Two ways of descending, timed",)),
        doc.Paragraph((
            f"An epoch by forward differences computes the cost {costs}, one by the derived gradient "
            "the cost and its gradient once. Table ", doc.Reference("times"), " gives the times per epoch on the "
            f"author's machine ({timing.engine} engine). The ratio hardly depends on the number of epochs; "
            f"only the gap between the times grows with it.{notes}",
        )),
        doc.Table(
            (("method",), ("epochs timed",), ("an epoch",), ("ratio",)), rows,
            ("Times of an epoch, the shortest of several runs.",), (1, 2, 3), "times",
        ),
    ]  # fmt: skip
