"""Say that columns are too large where a descent failed because of them.

Squares overflow from 2e19 on in float32 and from 1e154 on in float64; long before that, a first step is not visible in
the cost, or is far too long. Another start, which the descent itself suggests, is of no help then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.errors import StartError
from steepest.messages.sentences import listed
from steepest.training.descent import Descent
from steepest.training.ends import Reason

_LARGE = 1e9
"""The size from which on a column is named. Dates in seconds are of that size."""
_TOO_LARGE = "too large for a descent"
_FAR = 0.01
"""The share of the cost that a Newton step would still gain, from which on a descent that stalled is called a failure.

The round-off of float32 stalls a descent that has as good as converged; there the share is smaller.
"""


def scale_explained(
    run_from: Callable[[], Descent], arrays: Mapping[str, Any] | None, names: Mapping[str, Sequence[str]]
) -> Descent:
    """Return a descent; where it failed on columns that are too large, its message says so.

    Args:
        run_from: the descent.
        arrays: the columns of the cost, ``(n,)``, or ``(n, d)`` for several under one name; None if they are not known.
        names: the columns of those that have several, by name.

    Raises:
        StartError: the cost is not finite at the start.
    """
    try:
        run = run_from()
    except StartError as error:
        said = too_large(arrays, names)
        if not said:
            raise
        first = str(error).partition(";")[0]
        domain = ", or check for a logarithm, root or quotient outside its domain" if " nan " in first else ""
        raise StartError(f"{first}: {said}{domain}") from None
    if not (run.diverged or is_far(run) or run.reason in (Reason.BUDGET, Reason.PLATEAU)):
        return run
    said = too_large(arrays, names)
    if not said:
        return run
    if run.diverged:
        message = f"{run.message.partition(':')[0]}: {said}. The result holds the last finite parameters"
    else:
        message = f"{run.message.partition(';')[0]}; not converged: {said}"
    return replace(run, message=message)


def is_far(run: Descent) -> bool:
    """Return whether a descent stalled where a step of Newton's method would still lower the cost much."""
    return run.reason is Reason.STALLED and run.newton_decrement is not None and run.newton_decrement > _FAR


def is_explained(run: Descent) -> bool:
    """Return whether the message of a descent says that columns are too large."""
    return _TOO_LARGE in run.message


def too_large(arrays: Mapping[str, Any] | None, names: Mapping[str, Sequence[str]]) -> str:
    """Return which columns are very large, and what to do; an empty text if none is.

    >>> import numpy as np
    >>> too_large({"x": np.array([1.0, -2e30]), "y": np.zeros(2)}, {})
    "'x' has values up to 2e+30 in size, too large for a descent; divide it by 1e+30, or standardise it"
    """
    sizes: dict[str, float] = {}
    for name, array in (arrays or {}).items():
        largest = np.abs(np.asarray(array)).max(axis=0, initial=0.0)
        if largest.ndim:
            each = names.get(name) or [f"column {k} of {name}" for k in range(len(largest))]
            sizes |= dict(zip(each, largest.tolist(), strict=False))
        else:
            sizes[name] = float(largest)
    large = {name: size for name, size in sizes.items() if size >= _LARGE}
    if not large:
        return ""
    size = max(large.values())
    unit = f"1e+{math.floor(math.log10(size)):02}"
    has, advice = (
        ("has", f"divide it by {unit}, or standardise it")
        if len(large) == 1
        else ("have", "divide each by a number of its size, or standardise them")
    )
    return f"{listed(large, 3)} {has} values up to {size:.2g} in size, {_TOO_LARGE}; {advice}"
