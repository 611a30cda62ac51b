"""``pictures.fit``, ``residuals`` and ``profile``: a fit, what it leaves over, and how sure its parameters are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steepest.display.labels import short
from steepest.errors import PictureError
from steepest.messages.numbers import confidence_level
from steepest.messages.sentences import counted
from steepest.pictures.common.picture import MatplotlibPicture
from steepest.pictures.common.style import width_of
from steepest.pictures.fits import drawing
from steepest.pictures.fits.numbers import (
    FITTED,
    ROW,
    Fit,
    Residuals,
    Section,
    fit_of,
    residuals_of,
    sections_of,
    shown_level,
)


def fit(
    model: Any, table: Any, *, along: str | None = None, interval: float = 0.95, points: int = 500,
    width: float | str = "column", title: str | None = None, na: str = "error",
) -> MatplotlibPicture:  # fmt: skip
    """Draw samples, the fitted curve with its confidence and prediction bands, and the residuals below.

    A model of one input is drawn over it, a model of several over the fitted value, with an interval for each sample.
    With ``along``, the curve is drawn over one input, with the others held at their medians; the samples are then the
    curve at their place plus their residual, except for classes.

    Args:
        model: a fitted or loaded model of one number.
        table: the data, with the target.
        along: the column on the horizontal axis, or ``"fitted"``.
        interval: the probability of each interval by itself.
        points: of the curve.
        width: ``"column"``, ``"page"`` or a number of inches.
        title: replaces the default title.
        na: ``"drop"`` leaves out rows with missing values.

    Returns:
        A picture; its ``numbers`` are a Fit. Without standard errors it has no bands, and its description says why.

    Raises:
        PictureError: a sample has several predictions, or there is no such column.
        ModelError: the model is not fitted.
        TableError: the table cannot be read, or lacks a column.

    >>> import steepest as st
    >>> table = {"x": [1, 2, 3, 4, 5], "y": [1.1, 1.9, 3.2, 3.9, 5.1]}
    >>> found = fit(st.Model("y ~ a + b*x").fit(table), table).numbers
    >>> round(float(found.confidence[0].min()), 3), found.residuals.round(2).tolist()
    (0.477, [0.06, -0.14, 0.16, -0.14, 0.06])

    Source: Seber and Wild 1989, section 5.1; Cook and Weisberg 1982, section 2.3 (samples at medians).
    """
    inches = width_of(width)
    found = fit_of(model, table, along, confidence_level(interval, PictureError), max(points, 2), na)
    over = {FITTED: "its fitted value", ROW: "the rows"}.get(found.axis, found.axis)
    called = title or f"The fit of {found.target} over {over}"
    return MatplotlibPicture(
        called, _of_fit(found), found, lambda: drawing.draw_fit(found, called, inches),
        lambda: drawing.fit_figure(found, called), lambda: drawing.fit_code(found),
    )  # fmt: skip


def _of_fit(found: Fit) -> str:
    """Describe a fit in sentences."""
    sentences = [
        f"{counted(len(found.x), 'sample')} over {drawing.axis_label(found)} from {short(found.x.min())} to "
        f"{short(found.x.max())}, with the fit from {short(found.curve.min())} to {short(found.curve.max())}."
    ]
    if found.constant:
        held = ", ".join(f"{name} = {short(value)}" for name, value in found.constant.items())
        adjusted = "" if found.has_classes else ", and the samples are the curve plus their residuals"
        sentences.append(f"The other inputs are held at their medians, {held}{adjusted}.")
    widths = []
    for name, ends in (("confidence", found.confidence), ("prediction", found.interval)):
        if ends is not None:
            wide = (ends[1] - ends[0]) / 2
            of_weight = " of a value of weight 1" if found.is_weighted and name == "prediction" else ""
            widths.append(f"the {name} band{of_weight} ± {short(wide.min())} to ± {short(wide.max())}")
    if widths:
        sentences.append(f"At {shown_level(found.level)}, half the width of {' and of '.join(widths)}.")
    if found.refusal is not None:
        sentences.append(f"There are no bands, as {found.refusal}.")
    low, high = found.residuals.min(), found.residuals.max()
    return " ".join([*sentences, f"The residuals go from {short(low)} to {short(high)}."])


def residuals(
    model: Any, table: Any, *, width: float | str = "page", title: str | None = None, na: str = "error"
) -> MatplotlibPicture:
    """Draw residuals against fitted values, and against the quantiles of the normal distribution.

    Least squares have standardised residuals √w·(y − f)/(s·√(1 − h)) with the leverage h, if the fit has standard
    errors; ``poisson`` has Pearson residuals (y − f)/√f; the others are y − f. Rows with a standardised residual
    beyond ±3 are numbered, at most three. Classes have no quantiles, but means in groups.

    Args:
        model: a fitted or loaded model of one number.
        table: the data, with the target.
        width: ``"column"``, ``"page"`` or a number of inches.
        title: replaces the default title.
        na: ``"drop"`` leaves out rows with missing values.

    Returns:
        A picture; its ``numbers`` are a Residuals.

    Raises:
        PictureError: a sample has several predictions.
        ModelError: the model is not fitted.
        TableError: the table cannot be read, or lacks a column.

    >>> import steepest as st
    >>> table = {"x": [1, 2, 3, 4, 5], "y": [1.1, 1.9, 3.2, 3.9, 5.1]}
    >>> residuals(st.Model("y ~ a + b*x").fit(table), table).numbers.values.round(2).tolist()
    [0.61, -1.08, 1.15, -1.08, 0.61]

    Source: Cook and Weisberg 1982, section 2.2; McCullagh and Nelder 1989, section 2.4.
    """
    inches, found = width_of(width), residuals_of(model, table, na)
    called = title or f"Residuals of {found.target}"
    return MatplotlibPicture(
        called, _of_residuals(found), found, lambda: drawing.draw_residuals(found, called, inches),
        lambda: drawing.residuals_figure(found, called),
    )  # fmt: skip


def _of_residuals(found: Residuals) -> str:
    """Describe residuals in sentences."""
    values = found.values
    sentences = [
        f"{len(values)} {found.kind}s over fitted {found.target} from {short(found.fitted.min())} to "
        f"{short(found.fitted.max())}; they go from {short(values.min())} to {short(values.max())}."
    ]
    far = drawing.far_rows(found)
    if far:
        sentences.append(f"The largest are of the rows {', '.join(str(found.rows[k]) for k in far)}.")
    if len(found.groups[0]):
        low, high = found.groups[1].min(), found.groups[1].max()
        sentences.append(f"Their means in ten groups by the fitted value go from {short(low)} to {short(high)}.")
    if len(found.normal):
        start, slope = found.line
        sentences.append(f"The line through their quartiles has the slope {short(slope)} and is {short(start)} at 0.")
    return " ".join(sentences)


def profile(
    model: Any, table: Any = None, *, names: Sequence[str] | None = None, interval: float = 0.95, points: int = 20,
    width: float | str = "page", title: str | None = None, na: str = "error",
) -> MatplotlibPicture:  # fmt: skip
    """Draw the profile likelihood of each parameter, its quadratic approximation, and the interval it gives.

    The profile is the smallest deviance over the other parameters, above the smallest of all: Σ w r²/s² for least
    squares, −2ℓ for likelihoods. Where it departs from the quadratic approximation, the interval estimate ± quantile ·
    standard error misleads, and the one of the profile is to be preferred.

    Args:
        model: a fitted or loaded model with standard errors.
        table: the data that a loaded model was fitted to.
        names: the parameters; all if left out.
        interval: the probability of the interval.
        points: of the profile, on each side of the estimate.
        width: ``"column"``, ``"page"`` or a number of inches.
        title: replaces the default title.
        na: ``"drop"`` leaves out rows with missing values.

    Returns:
        A picture; its ``numbers`` are a tuple of a Section for each parameter.

    Raises:
        InferenceError: there are no standard errors, or a profile leads to a lower cost; the message says where.
        PictureError: there is no such parameter, or the table is another one.

    >>> import steepest as st
    >>> table = {"t": [0, 1, 2, 3, 4, 5], "y": [5.1, 3.1, 2.0, 1.5, 1.2, 1.1]}
    >>> model = st.Model("y ~ a*exp(-k*t) + c").fit(table, start={"a": 4, "k": 1, "c": 1})
    >>> section = profile(model, names=["k"]).numbers[0]
    >>> [round(end, 3) for end in section.interval]
    [0.617, 0.722]

    Source: Bates and Watts 1988, chapter 6; Venzon and Moolgavkar 1988.
    """
    inches = width_of(width)
    found = sections_of(model, table, names, confidence_level(interval, PictureError), max(points, 2), na)
    called = title or f"Profile of {found[0].label}" if len(found) == 1 else title or "Profiles of the parameters"
    return MatplotlibPicture(
        called, " ".join(_of_section(each) for each in found), found,
        lambda: drawing.draw_profiles(found, called, inches), lambda: drawing.profiles_figure(found, called),
    )  # fmt: skip


def _of_section(section: Section) -> str:
    """Describe a profile in a sentence."""
    low, high = section.interval
    reach = section.cut**0.5 * section.error
    straight = f"{short(section.estimate - reach)} to {short(section.estimate + reach)}"
    ends = f"{short(low)} to {short(high)}"
    apart = " Within it the profile exceeds the limit, so that the interval has several parts." * section.is_parted
    return (
        f"{section.label} is {short(section.estimate)}; its {shown_level(section.level)} interval goes from {ends}, "
        f"by the quadratic approximation from {straight}.{apart}"
    )
