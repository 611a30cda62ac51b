"""Write how sure the numbers of a fit are: standard errors, intervals, correlations, and the fit with its bands."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.documents.document import Block, Figure, Heading, Inlines, Paragraph, Reference, Table
from steepest.inference import ParameterErrors, Uncertainty
from steepest.papers.words import element_of, name_of, number
from steepest.tables.samples import Samples

if TYPE_CHECKING:
    from steepest.papers.experiment import Experiment

_LEVEL = 0.95
_MOST = 40  # elements of the parameters in the table
_STRONG = 0.9  # a correlation from which on two estimates are hard to tell apart
_HEADING = Heading(("How sure the numbers are",))


def errors_of(experiment: Experiment) -> list[Block]:
    """Return the section about standard errors, or with the sentence that says why there are none."""
    found, run = experiment.uncertainty, experiment.run
    if run is None or run.diverged:
        return []
    if found is None:
        why = "there are no standard errors: the training left rows out, which were held out for validation"
        return [_HEADING, Paragraph((_sentence(why),))]
    if found.refusal is not None:
        return [_HEADING, Paragraph((_sentence(found.refusal),))]
    if not found.errors.any():
        exact = "The fit is exact, so that no scatter is left from which a standard error could be estimated."
        return [_HEADING, Paragraph((exact,))]
    said: list[Any] = [*_how(found), " Table ", Reference("errors"), " lists them. ", *_scatter(found)]
    return [_HEADING, Paragraph((*said, *_correlation(found))), _table(found), *_picture(experiment, found)]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _how(found: Uncertainty) -> Inlines:
    """State what the standard errors are, and by which distribution the intervals are made."""
    absolute = (
        "from the covariance of least squares with absolute standard deviations of the samples, the inverse of the "
        "Gauss–Newton matrix"
    )
    what = (
        absolute
        if found.absolute_sigma
        else (
            "from the covariance of least squares, the residual variance times the inverse of the Gauss–Newton matrix"
            if found.method == "t"
            else "from the inverse of the observed information, the second derivatives of the negative log-likelihood"
        )
    )
    freedom = f"{found.degrees_of_freedom:g} degrees of freedom"
    by = f"Student's t with {freedom}" if found.method == "t" else "the normal distribution"
    return (
        f"The standard errors of the parameters come {what}. Each interval contains its parameter with the probability "
        f"{_LEVEL:g}, by {by}.",
    )  # fmt: skip


def _scatter(found: Uncertainty) -> Inlines:
    """State the residual standard deviation of least squares."""
    if found.method != "t":
        return ()
    return ("The residual standard deviation is ", number(found.residual_sd, 5), ". ")


def _correlation(found: Uncertainty) -> Inlines:
    """State the largest correlation of two estimates."""
    matrix, size = found.correlation, len(found.labels)
    if size < 2:
        return ()
    above = np.abs(np.nan_to_num(np.triu(matrix, 1)))
    j, k = (int(place) for place in np.unravel_index(int(above.argmax()), above.shape))
    largest = float(matrix[j, k])
    if not above.any():
        return ("The estimates are not correlated.",)
    first, second = (_name(found, place) for place in (j, k))
    better = ": the data determine a combination of the two better than each of them" if abs(largest) > _STRONG else ""
    return ("The largest correlation is that of ", first, " and ", second, ", ", number(largest, 4), f"{better}.")


def _name(found: Uncertainty, element: int) -> Any:
    """Return the formula of an element of the parameters."""
    places = [(name, place) for name, shape in found.fitted.vector.shapes.items() for place in np.ndindex(shape)]
    name, place = places[element]
    return element_of(name, place) if place else name_of(name)


def _table(found: Uncertainty) -> Table:
    reach = found.quantile(_LEVEL) * found.errors
    estimates = found.fitted.estimate
    rows: list[tuple[Inlines, ...]] = []
    for k in range(min(len(found.labels), _MOST)):
        figures = (estimates[k], found.errors[k], estimates[k] - reach[k], estimates[k] + reach[k])
        digits = (8, 3, 6, 6)
        cells = tuple((number(float(each), many),) for each, many in zip(figures, digits, strict=True))
        rows.append(((_name(found, k),), *cells))
    header: tuple[Inlines, ...] = (("parameter",), ("estimate",), ("standard error",), ("lower",), ("upper",))
    left_out = len(found.labels) - len(rows)
    more = f", the first {len(rows)} of {len(found.labels)}" if left_out else ""
    caption = (f"The estimates with their standard errors and {100 * _LEVEL:g} % intervals{more}.",)
    return Table(header, tuple(rows), caption, (1, 2, 3, 4), "errors")


def _picture(experiment: Experiment, found: Uncertainty) -> list[Block]:
    """Return the fit with its bands, for a model of one output."""
    from steepest import pictures

    run = experiment.run
    if run is None or experiment.model.prediction.shape not in ((), (1,)):
        return []
    model: Any = copy(experiment.model)  # the parameters of the model itself stay as they are
    model.params = dict(run.params)
    model.known_errors = (model.params, ParameterErrors.of(found))
    samples = Samples(dict(experiment.columns), experiment.rows, 0, np.arange(experiment.rows))
    picture = pictures.fit(model, samples, interval=_LEVEL)
    caption = ("The samples and the fit with its bands.",)
    figure = Figure(picture.svg(), picture.tikz(), picture.description, caption, "fit")
    return [Paragraph((picture.description,)), figure]
