"""Schedules: the rate α as a function of time, counted in epochs.

A schedule is asked at every update, so that with batches the rate changes within an epoch, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from steepest.errors import DescentError
from steepest.messages.hints import nearest
from steepest.messages.numbers import positive, share, whole
from steepest.messages.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Schedule:
    """A rate that changes with time.

    Attributes:
        name: what it is called, with its settings.
        factor: from times ``(k,)`` in epochs, from 0, to what the rate is multiplied by.
        rate: the rate that the factor multiplies.

    >>> [float(rate) for rate in step(0.5, every=10, factor=0.5)([0, 10, 25])]
    [0.5, 0.25, 0.125]
    """

    name: str
    factor: Callable[[NDArray[np.float64]], Any]
    rate: float = 1.0

    def __call__(self, times: Any) -> NDArray[np.float64]:
        """The rates at some times, ``(k,)``."""
        import numpy as np

        at = np.asarray(times, np.float64)
        with np.errstate(over="ignore", under="ignore"):
            return self.rate * np.broadcast_to(np.asarray(self.factor(at), np.float64), at.shape)


@dataclass(frozen=True)
class Plateau:
    """A rate that is multiplied by a factor whenever the cost has not fallen for some epochs.

    The cost looked at is that of the validation rows, if there are any.

    Attributes:
        rate: at the beginning.
        factor: what it is multiplied by, below 1.
        patience: epochs without a fall before that.
        threshold: a fall by less than this share of the lowest cost does not count.

    Source: the usual practice; Goodfellow, Bengio and Courville 2016, section 8.3.1.
    """

    rate: float = 0.1
    factor: float = 0.5
    patience: int = 10
    threshold: float = 1e-4


_positive = partial(positive, error=DescentError)
_share = partial(share, error=DescentError)


def constant(rate: float) -> Schedule:
    """Always the same rate."""
    return Schedule("constant", lambda t: 1.0, _positive("rate", rate))


def step(rate: float, every: float, factor: float = 0.1) -> Schedule:
    """α f^⌊t/k⌋: multiplied by a factor every so many epochs.

    Args:
        rate: at the beginning.
        every: k, epochs.
        factor: f.
    """
    _positive("every", every), _positive("factor", factor)
    return Schedule(f"step:{every:g}:{factor:g}", lambda t: factor ** (t // every), _positive("rate", rate))


def exponential(rate: float, decay: float) -> Schedule:
    """α d^t: multiplied by a factor each epoch, smoothly.

    >>> float(exponential(0.1, decay=0.5)(2.0))
    0.025
    """
    _positive("decay", decay)
    return Schedule(f"exponential:{decay:g}", lambda t: decay**t, _positive("rate", rate))


def cosine(rate: float, epochs: float, final: float = 0.0) -> Schedule:
    """α ((1 − f)(1 + cos πt/T)/2 + f) until t = T, and α f from there on.

    Args:
        rate: at the beginning.
        epochs: T.
        final: f, the share of the rate that is left.

    Source: Loshchilov and Hutter 2017, SGDR, eq. 5.
    """
    _positive("epochs", epochs), _share("final", final)

    def factor(t: NDArray[np.float64]) -> Any:
        import numpy as np

        return (1 - final) * 0.5 * (1 + np.cos(math.pi * np.minimum(t / epochs, 1.0))) + final

    return Schedule(f"cosine:{epochs:g}:{final:g}", factor, _positive("rate", rate))


def warm_up(epochs: float, then: float | Schedule, start: float = 0.0) -> Schedule:
    """From a share of the rate to all of it in a straight line, and then another schedule from its beginning.

    Args:
        epochs: how long it takes.
        then: what follows; a number is a constant rate.
        start: the share at the beginning, from 0 to 1; at 0 the first update does not move.

    >>> [round(float(rate), 3) for rate in warm_up(4, 0.2)([0, 1, 4, 9])]
    [0.0, 0.05, 0.2, 0.2]

    Source: Goyal et al. 2017, section 2.2.
    """
    _positive("epochs", epochs), _share("start", start)
    follows = then if isinstance(then, Schedule) else constant(then)

    def factor(t: NDArray[np.float64]) -> Any:
        import numpy as np

        rising = (start + (1 - start) * t / epochs) * follows.factor(np.zeros_like(t))
        return np.where(t < epochs, rising, follows.factor(np.maximum(t - epochs, 0.0)))

    return Schedule(f"warm-up:{epochs:g}:{start:g}+{follows.name}", factor, follows.rate)


def plateau(rate: float, factor: float = 0.5, patience: float = 10, threshold: float = 1e-4) -> Plateau:
    """Multiplied by a factor whenever the cost has not fallen for some epochs; see :class:`Plateau`."""
    _positive("rate", rate), _positive("factor", factor), whole("patience", patience, 1, DescentError)
    _share("threshold", threshold)
    if factor >= 1:
        raise DescentError(f"factor is below 1, that the rate may fall, not {factor!r}")
    return Plateau(rate, factor, int(patience), threshold)


@dataclass(frozen=True)
class ScheduleForm:
    """How a schedule is written as text: ``name:number:number``.

    Attributes:
        form: the text with its settings in capital letters.
        make: from the rate, the epochs of the descent, the numbers given and what follows ``+`` to the schedule.
        least, most: how many numbers there are.
    """

    form: str
    make: Callable[[float, float, list[float], str], Schedule | Plateau]
    least: int = 0
    most: int = 0


def _warm_up(rate: float, epochs: float, numbers: list[float], tail: str) -> Schedule:
    _positive("epochs", numbers[0])
    then = _read(tail or "constant", rate, max(epochs - numbers[0], 1))
    if isinstance(then, Plateau):
        raise DescentError("a warm-up is followed by a schedule of time, not by plateau; choose another")
    return warm_up(numbers[0], then, *numbers[1:])


def _plateau(rate: float, epochs: float, numbers: list[float], tail: str) -> Plateau:
    usual = plateau(rate)
    factor, patience = numbers + [usual.factor, float(usual.patience)][len(numbers) :]
    return plateau(rate, factor, int(patience) if patience.is_integer() else patience)


SCHEDULES: Registry[ScheduleForm] = Registry("schedule", DescentError)
"""Every schedule by the first word of its text."""
SCHEDULES.add(
    "constant", ScheduleForm("constant", lambda rate, epochs, numbers, tail: constant(rate)), "the same rate throughout"
)
SCHEDULES.add(
    "step",
    ScheduleForm("step:EPOCHS[:FACTOR]", lambda rate, epochs, numbers, tail: step(rate, *numbers), 1, 2),
    "multiplied by a factor every so many epochs",
)
SCHEDULES.add(
    "exponential",
    ScheduleForm("exponential:DECAY", lambda rate, epochs, numbers, tail: exponential(rate, *numbers), 1, 1),
    "multiplied by a factor each epoch, smoothly",
)
SCHEDULES.add(
    "cosine",
    ScheduleForm(
        "cosine[:EPOCHS[:FINAL]]",
        lambda rate, epochs, numbers, tail: cosine(rate, *(numbers or [float(max(epochs, 1))])),
        0, 2,
    ),
    "half a cosine from the rate to a share of it",
)  # fmt: skip
SCHEDULES.add(
    "warm-up", ScheduleForm("warm-up:EPOCHS[:START][+OTHER]", _warm_up, 1, 2), "rises in a line, then another schedule"
)
SCHEDULES.add(
    "plateau",
    ScheduleForm("plateau[:FACTOR[:PATIENCE]]", _plateau, 0, 2),
    "multiplied by a factor when the cost stops falling",
)


def read_schedule(text: str, rate: float, epochs: int) -> Schedule | Plateau:
    """Return a schedule from its text, as the command line and estimators take it.

    Args:
        text: one of :data:`SCHEDULES`, such as ``constant``, ``step:30:0.1``, ``exponential:0.95``, ``cosine``,
            ``warm-up:5+cosine``, ``plateau:0.5:10``.
        rate: α.
        epochs: of the descent, for what lasts as long as that.

    Raises:
        DescentError: the text is not of one of these forms.

    >>> read_schedule("cosine", 0.1, 50).name
    'cosine:50:0'
    """
    return _read(text, rate, epochs)


def _read(text: str, rate: float, epochs: float) -> Schedule | Plateau:
    head, _, tail = text.partition("+")
    name, *words = head.split(":")
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        name, numbers = "", []
    form = SCHEDULES.get(name)
    if form is None or not form.least <= len(numbers) <= form.most or (tail and name != "warm-up"):
        hint = nearest(text.partition(":")[0], SCHEDULES)
        forms = ", ".join(each.form for each in SCHEDULES.values())
        raise DescentError(f"there is no schedule {text!r}{hint}; write one of {forms}")
    return form.make(rate, epochs, numbers, tail)
