"""Schedules: the rate α as a function of time in epochs.

A schedule is evaluated at every update, so that with batches the rate also changes within an epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from steepest.errors import DescentError
from steepest.messages.numbers import positive, share, whole
from steepest.messages.registry import Registry
from steepest.messages.sentences import in_python
from steepest.messages.vocabulary import hint, ours

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Schedule:
    """A rate that changes with time.

    Attributes:
        name: its name with its settings.
        factor: a function from times ``(k,)`` in epochs, from 0, to factors of the rate.
        rate: the rate that the factor multiplies.

    >>> [float(rate) for rate in step(0.5, every=10, factor=0.5)([0, 10, 25])]
    [0.5, 0.25, 0.125]
    """

    name: str
    factor: Callable[[NDArray[np.float64]], Any]
    rate: float = 1.0

    def __call__(self, times: Any) -> NDArray[np.float64]:
        """Return the rates at some times, ``(k,)``."""
        import numpy as np

        at = np.asarray(times, np.float64)
        with np.errstate(over="ignore", under="ignore"):
            return self.rate * np.broadcast_to(np.asarray(self.factor(at), np.float64), at.shape)


@dataclass(frozen=True)
class Plateau:
    """A rate that is multiplied by a factor whenever the cost has not fallen for some epochs.

    The cost is that of the validation rows, if there are any.

    Attributes:
        rate: the initial rate.
        factor: the factor, below 1.
        patience: epochs without a decrease after which the factor is applied.
        threshold: a decrease by less than this share of the lowest cost does not count.

    Source: the usual practice; Goodfellow, Bengio and Courville 2016, section 8.3.1.
    """

    rate: float = 0.1
    factor: float = 0.5
    patience: int = 10
    threshold: float = 1e-4


_positive = partial(positive, error=DescentError)
_share = partial(share, error=DescentError)


def constant(rate: float) -> Schedule:
    """Return a schedule with the same rate at all times."""
    return Schedule("constant", lambda t: 1.0, _positive("rate", rate))


def step(rate: float, every: float, factor: float = 0.1) -> Schedule:
    """Return the schedule α f^⌊t/k⌋: multiplied by a factor every k epochs.

    Args:
        rate: the initial rate α.
        every: k, epochs.
        factor: f.
    """
    _positive("every", every), _positive("factor", factor)
    return Schedule(f"step:{every:g}:{factor:g}", lambda t: factor ** (t // every), _positive("rate", rate))


def exponential(rate: float, decay: float) -> Schedule:
    """Return the schedule α d^t: multiplied by a factor each epoch, smoothly.

    >>> float(exponential(0.1, decay=0.5)(2.0))
    0.025
    """
    _positive("decay", decay)
    return Schedule(f"exponential:{decay:g}", lambda t: decay**t, _positive("rate", rate))


def cosine(rate: float, epochs: float, final: float = 0.0) -> Schedule:
    """Return the schedule α ((1 − f)(1 + cos πt/T)/2 + f) until t = T, then α f.

    Args:
        rate: the initial rate α.
        epochs: T.
        final: f, the final share of the rate.

    Source: Loshchilov and Hutter 2017, SGDR, eq. 5.
    """
    _positive("epochs", epochs), _share("final", final)

    def factor(t: NDArray[np.float64]) -> Any:
        import numpy as np

        return (1 - final) * 0.5 * (1 + np.cos(math.pi * np.minimum(t / epochs, 1.0))) + final

    return Schedule(f"cosine:{epochs:g}:{final:g}", factor, _positive("rate", rate))


def warm_up(epochs: float, then: float | Schedule, start: float = 0.0) -> Schedule:
    """Return a schedule that rises linearly to a rate and then follows another schedule from its time 0.

    Args:
        epochs: the duration of the rise.
        then: the schedule that follows; a number is a constant rate.
        start: the initial share of the rate, from 0 to 1; with 0 the first update changes nothing.

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
    """Return a rate that is multiplied by a factor when the cost stops falling; see :class:`Plateau`."""
    _positive("rate", rate), _positive("factor", factor), whole("patience", patience, 1, DescentError)
    _share("threshold", threshold)
    if factor >= 1:
        raise DescentError(f"factor is below 1, so that the rate decreases, not {in_python(factor)}")
    return Plateau(rate, factor, int(patience), threshold)


@dataclass(frozen=True)
class ScheduleForm:
    """The text form of a schedule: ``name:number:number``.

    Attributes:
        form: the text with its settings in capital letters.
        make: a function from the rate, the epochs of the descent, the numbers given and the text after ``+``.
        least, most: the number of numbers.
    """

    form: str
    make: Callable[[float, float, list[float], str], Schedule | Plateau]
    least: int = 0
    most: int = 0


def _warm_up(rate: float, epochs: float, numbers: list[float], tail: str) -> Schedule:
    _positive("epochs", numbers[0])
    then = _read(tail or "constant", rate, max(epochs - numbers[0], 1))
    if isinstance(then, Plateau):
        raise DescentError("plateau cannot follow a warm-up, as it depends on the cost; choose another schedule")
    return warm_up(numbers[0], then, *numbers[1:])


def _plateau(rate: float, epochs: float, numbers: list[float], tail: str) -> Plateau:
    usual = plateau(rate)
    factor, patience = numbers + [usual.factor, float(usual.patience)][len(numbers) :]
    return plateau(rate, factor, int(patience) if patience.is_integer() else patience)


SCHEDULES: Registry[ScheduleForm] = Registry("schedule", DescentError)
"""Every schedule by the first word of its text."""
SCHEDULES.add("constant", ScheduleForm("constant", lambda rate, epochs, numbers, tail: constant(rate)),
              "the same rate throughout")  # fmt: skip
SCHEDULES.add("step", ScheduleForm(
    "step:EPOCHS[:FACTOR]", lambda rate, epochs, numbers, tail: step(rate, *numbers), 1, 2,
), "multiplied by a factor every so many epochs")  # fmt: skip
SCHEDULES.add("exponential", ScheduleForm(
    "exponential:DECAY", lambda rate, epochs, numbers, tail: exponential(rate, *numbers), 1, 1,
), "multiplied by a factor each epoch, smoothly")  # fmt: skip
SCHEDULES.add("cosine", ScheduleForm(
    "cosine[:EPOCHS[:FINAL]]",
    lambda rate, epochs, numbers, tail: cosine(rate, *(numbers or [float(max(epochs, 1))])), 0, 2,
), "half a cosine from the rate to a share of it")  # fmt: skip
SCHEDULES.add("warm-up", ScheduleForm("warm-up:EPOCHS[:START][+OTHER]", _warm_up, 1, 2),
              "rises in a line, then another schedule")  # fmt: skip
SCHEDULES.add("plateau", ScheduleForm("plateau[:FACTOR[:PATIENCE]]", _plateau, 0, 2),
              "multiplied by a factor when the cost stops falling")  # fmt: skip


def read_schedule(text: str, rate: float, epochs: int) -> Schedule | Plateau:
    """Read a schedule from its text, as the command line and estimators do.

    Args:
        text: one of :data:`SCHEDULES`, such as ``constant``, ``step:30:0.1``, ``exponential:0.95``, ``cosine``,
            ``warm-up:5+cosine``, ``plateau:0.5:10``.
        rate: α.
        epochs: the epochs of the descent, the default duration of cosine.

    Raises:
        DescentError: the text has none of these forms.

    >>> read_schedule("cosine", 0.1, 50).name
    'cosine:50:0'
    """
    return _read(text, rate, epochs)


def _read(text: str, rate: float, epochs: float) -> Schedule | Plateau:
    head, _, tail = text.partition("+")
    name, *words = head.split(":")
    name = ours("schedule", name) or name
    form = SCHEDULES.get(name)
    if form is None:
        forms = ", ".join(each.form for each in SCHEDULES.values())
        raise DescentError(f"there is no schedule {text!r}{hint('schedule', name, SCHEDULES)}; write one of {forms}")
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = None
    if numbers is None or not form.least <= len(numbers) <= form.most or (tail and name != "warm-up"):
        raise DescentError(f"{text!r} is not a schedule; the form of {name} is {form.form}")
    return form.make(rate, epochs, numbers, tail)
