"""The report of an uncertainty: a summary in tables and text, and values for JSON."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from steepest.display.summaries import Summary, SummaryTable, facts_table
from steepest.errors import InferenceError
from steepest.inference.fitted import Fitted, Kind
from steepest.inference.information import Estimation
from steepest.inference.tied import Tied
from steepest.messages.sentences import counted
from steepest.training.parameter_vector import Matrix, Vector

_WEAK = 0.1  # correlations below this are left out of the summary, as by lmfit
_MOST = 10  # correlations in the summary
_FAR = 10.0  # times an estimate; beyond, it is 0 for all that is known
_UNFINISHED = 1e-3  # standard errors to the minimum: as in Bates and Watts 1981, A relative offset criterion

_STATISTICS = (
    ("observations", "observations"),
    ("degrees of freedom", "degrees_of_freedom"),
    ("residual sum of squares", "residual_sum"),
    ("residual standard deviation", "residual_sd"),
    ("R²", "r_squared"),
    ("adjusted R²", "adjusted_r_squared"),
    ("log-likelihood", "log_likelihood"),
    ("AIC", "aic"),
    ("BIC", "bic"),
)


class Reported(Protocol):
    """What a report needs of an :class:`steepest.inference.Uncertainty`, and the statistics of the table above."""

    fitted: Fitted
    labels: list[str]
    robust: Any
    absolute_sigma: bool
    tied: Tied | None

    @property
    def refusal(self) -> str | None: ...
    @property
    def estimation(self) -> Estimation | None: ...
    @property
    def errors(self) -> Vector: ...
    @property
    def covariance(self) -> Matrix: ...
    @property
    def correlation(self) -> Matrix: ...
    @property
    def method(self) -> Any: ...
    def quantile(self, level: float) -> float: ...


def notes(found: Reported) -> list[str]:
    """Return sentences to know before using the errors."""
    if found.refusal is not None:
        return [found.refusal]
    assert found.estimation is not None  # or there is a refusal
    offset = found.estimation.information.offset
    if offset <= _UNFINISHED:
        return []
    return [f"the parameters are {offset:.1g} standard errors from the minimum of the cost; a longer fit is nearer"]


def card(found: Reported, level: float) -> Summary:
    """Return tables of the statistics, the parameters and the largest correlations."""
    facts = [("covariance", _how(found))] if found.refusal is None else []
    facts += [(name, f"{value:.10g}") for name, value in _statistics(found).items() if value is not None]
    tables = [facts_table("Fit", facts), _parameters(found, level)]
    if found.refusal is None and len(found.labels) > 1 and (rows := _correlations(found)):
        tables.append(SummaryTable("Correlations", (), rows, (1,)))
    title = f"Uncertainty of {counted(len(found.labels), 'parameter')}, {found.fitted.kind.value}"
    return Summary(title, tuple(tables), None, tuple(notes(found)))


def _how(found: Reported) -> str:
    if found.robust is not None:
        return f"sandwich, {found.robust}"
    if found.fitted.kind is not Kind.SQUARES:
        return "inverse of the observed information"
    return "(JᵀJ)⁻¹ with absolute σ" if found.absolute_sigma else "s² (JᵀJ)⁻¹"


def _statistics(found: Reported) -> dict[str, float | None]:
    """Return each statistic by its name in reports; None if it is not defined."""
    return {name: _value(found, word) for name, word in _STATISTICS}


def _value(found: Reported, word: str) -> float | None:
    try:
        value = float(getattr(found, word))
    except InferenceError:
        return None
    return value if math.isfinite(value) else None


def ends_of(level: float) -> tuple[str, str]:
    """Return the probabilities at the ends of an interval, as headings.

    >>> ends_of(0.95)
    ('2.5 %', '97.5 %')
    """
    return f"{50 * (1 - level):.4g} %", f"{50 * (1 + level):.4g} %"


def _parameters(found: Reported, level: float) -> SummaryTable:
    estimates, labels = found.fitted.estimate, list(found.labels)
    if found.tied is not None:
        estimates, labels = np.concatenate([estimates, found.tied.values]), [*labels, *found.tied.labels]
    if found.refusal is not None:
        rows = tuple((label, f"{value:z.10g}") for label, value in zip(labels, estimates, strict=True))
        return SummaryTable("Parameters", ("", "estimate"), rows, (1,))
    errors, q = found.errors, found.quantile(level)
    if found.tied is not None:
        errors = np.concatenate([errors, found.tied.errors(found.covariance)])
    header = ("", "estimate", "standard error", found.method, *ends_of(level), "relative error")
    made = []
    for label, value, error in zip(labels, estimates, errors, strict=True):
        ratio = f"{value / error:.3f}" if error else "∞"
        share = f"{100 * error / abs(value):.2g} %" if error < _FAR * abs(value) else "> 1000 %"
        ends = f"{value - q * error:z.7g}", f"{value + q * error:z.7g}"
        made.append((label, f"{value:z.10g}", f"{error:.5g}", ratio, *ends, share))
    return SummaryTable("Parameters", header, tuple(made), (1, 2, 3, 4, 5, 6))


def _correlations(found: Reported) -> tuple[tuple[str, str], ...]:
    """Return the largest correlations with their parameters."""
    matrix, labels = found.correlation, found.labels
    above = [(float(matrix[j, k]), j, k) for j in range(len(labels)) for k in range(j + 1, len(labels))]
    strong = sorted((each for each in above if abs(each[0]) >= _WEAK), key=lambda each: -abs(each[0]))
    return tuple((f"{labels[j]}, {labels[k]}", f"{value:+.4f}") for value, j, k in strong[:_MOST])


def as_dict(found: Reported, level: float) -> dict[str, Any]:
    """Return the report as values that JSON can hold: numbers, texts, lists, dicts and None."""
    made: dict[str, Any] = {
        "kind": found.fitted.kind.value,
        "labels": list(found.labels),
        "estimates": found.fitted.estimate.tolist(),
        "refusal": found.refusal,
        "notes": notes(found),
        "level": level,
        "robust": found.robust,
        "absolute_sigma": found.absolute_sigma,
    }
    made |= {word: _value(found, word) for _, word in _STATISTICS}
    if found.tied is not None:
        errors = None if found.refusal is not None else _finite(found.tied.errors(found.covariance))
        made["tied"] = {"labels": found.tied.labels, "values": found.tied.values.tolist(), "standard_errors": errors}
    if found.refusal is not None:
        return made | dict.fromkeys(("method", "standard_errors", "intervals", "covariance", "correlation"))
    reach, estimate = found.quantile(level) * found.errors, found.fitted.estimate
    return made | {
        "method": found.method,
        "standard_errors": _finite(found.errors),
        "intervals": [_finite(ends) for ends in np.transpose([estimate - reach, estimate + reach])],
        "covariance": [_finite(row) for row in found.covariance],
        "correlation": [_finite(row) for row in found.correlation],
    }


def _finite(values: Any) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]
