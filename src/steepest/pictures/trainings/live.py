"""``pictures.Live``: the cost drawn in a notebook during a descent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from steepest.display.labels import short
from steepest.errors import PictureError
from steepest.messages.sentences import in_python
from steepest.pictures.common.picture import MatplotlibPicture
from steepest.pictures.common.style import width_of
from steepest.pictures.trainings.drawing import draw_courses
from steepest.pictures.trainings.numbers import Course, line_of
from steepest.pictures.trainings.training import describe

if TYPE_CHECKING:
    from steepest.training.callbacks import EpochInfo

_KEPT = 2000  # rows; beyond, every second one goes


class Live:
    """A callback for ``on_epoch=`` that updates a picture of costs and validation costs in a notebook.

    It is called at every epoch and draws every so many seconds; after the cell it draws once more, with the last epoch.

    Args:
        every: the least number of seconds between two drawings.
        epochs: the number of epochs, for the title.
        width: ``"column"``, ``"page"`` or a number of inches.

    Raises:
        PictureError: there is no notebook to draw in.

    >>> import steepest as st
    >>> w = st.params("w")
    >>> run = st.descend(w**2, start={"w": 1.0}, on_epoch=Live(every=0.2))  # doctest: +SKIP
    """

    def __init__(self, every: float = 0.5, epochs: int | None = None, width: float | str = "column") -> None:
        try:
            from IPython.core.getipython import get_ipython
            from IPython.display import display
        except ImportError:
            raise PictureError("live pictures need IPython, which notebooks have; leave on_epoch out here") from None
        if not every >= 0:
            raise PictureError(f"every is a number of seconds from 0, not {in_python(every)}")
        self.every, self.epochs, self._inches, self._display = every, epochs, width_of(width), cast(Any, display)
        self._rows: list[tuple[int, float]] = []
        self._seen: list[tuple[int, float]] = []
        self._stride, self._last, self._drawn = 1, -np.inf, -1
        self._latest: EpochInfo | None = None
        self._handle: Any = None
        shell: Any = get_ipython()
        self._events: Any = None if shell is None else shell.events
        if self._events is not None:
            self._events.register("post_run_cell", self._after_cell)

    def __call__(self, info: EpochInfo) -> None:
        """Record an epoch, and draw if it is time."""
        if self._latest is not None and info.epoch <= self._latest.epoch:  # another descent begins
            self._rows, self._seen, self._stride, self._drawn = [], [], 1, -1
        self._latest = info
        if info.epoch % self._stride == 0:
            self._keep(info)
        now = time.monotonic()
        if now - self._last >= self.every:
            self.draw()
            self._last = time.monotonic()  # drawing takes time that is the descent's

    def _keep(self, info: EpochInfo) -> None:
        self._rows.append((info.epoch, info.cost))
        if info.validation is not None:
            self._seen.append((info.epoch, info.validation))
        if len(self._rows) > _KEPT:
            self._stride *= 2
            self._rows = [row for row in self._rows if row[0] % self._stride == 0]
            self._seen = [row for row in self._seen if row[0] % self._stride == 0]

    def picture(self) -> MatplotlibPicture:
        """Return a picture of the costs so far.

        Raises:
            PictureError: there are fewer than two epochs so far.
        """
        found = self._course()
        if found is None:
            raise PictureError("there are fewer than two epochs so far, so there is nothing to draw")
        assert self._latest is not None  # there were two
        of = "" if self.epochs is None else f" of {self.epochs}"
        title = f"Epoch {self._latest.epoch}{of}, {self._latest.seconds:.1f} s: cost {short(self._latest.cost)}"
        return MatplotlibPicture(title, describe([found]), (found,), lambda: draw_courses([found], title, self._inches))

    def _course(self) -> Course | None:
        rows, seen, latest = list(self._rows), list(self._seen), self._latest
        if latest is not None and rows and rows[-1][0] != latest.epoch:
            rows.append((latest.epoch, latest.cost))
            seen += [] if latest.validation is None else [(latest.epoch, latest.validation)]
        if len(rows) < 2:
            return None
        validation = line_of(seen) if seen else None
        return Course("descent", line_of(rows), validation, None, {}, None, None, (), "", False)

    def draw(self) -> None:
        """Draw what there is, in the place of the last drawing."""
        if self._latest is None or self._latest.epoch == self._drawn or self._course() is None:
            return
        made = self.picture()
        self._drawn = self._latest.epoch
        if self._handle is None:
            self._handle = self._display(made, display_id=True)
        else:
            self._handle.update(made)

    def _after_cell(self, *given: Any) -> None:
        """Draw once more at the end of a cell; the next cell with a descent begins another picture."""
        if self._latest is not None and self._events is not None:
            self.draw()
            self._events.unregister("post_run_cell", self._after_cell)
            self._events = None
