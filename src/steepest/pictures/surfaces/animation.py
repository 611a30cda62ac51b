"""``pictures.animate``: a descent over its contours, as GIF and, with ffmpeg, as MP4."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.display.palette import INK, PAPER
from steepest.display.picture import Picture
from steepest.errors import PictureError
from steepest.messages.sentences import in_python
from steepest.pictures.common.style import style, width_of
from steepest.pictures.surfaces.numbers import Surface
from steepest.pictures.surfaces.paths import Trail
from steepest.pictures.surfaces.sections import Name, Range
from steepest.pictures.surfaces.static import draw_moving
from steepest.pictures.surfaces.surface import surface
from steepest.storage.marks import MARK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS = 150  # per inch
_LAST = 12  # times that the last frame is shown, so that the end is seen before the loop starts again


class Animation(Picture):
    """An animated descent; SVG and the other still formats show the last frame.

    Attributes:
        still: the picture with the whole paths.
        epochs: the epoch of each frame.
        rate: frames a second.
    """

    def __init__(self, still: Any, epochs: Sequence[int], rate: float, width: float) -> None:
        self.title, self.still, self.epochs, self.rate = still.title, still, tuple(epochs), rate
        self.description = (
            f"An animation of {len(self.epochs)} frames, from epoch {self.epochs[0]} to {self.epochs[-1]}. "
            f"{still.description}"
        )
        self._width = width

    def svg(self) -> str:
        text: str = self.still.svg()
        return text

    def frames(self) -> Iterator[Any]:
        """Yield the frames as arrays of bytes, ``(height, width, 3)``; height and width are even, as MP4 requires."""
        with style(INK):
            figure, show = draw_moving(self.still.numbers, self.title, self._width)
            figure.set_dpi(_DOTS)
            figure.set_facecolor(PAPER)
            for epoch in self.epochs:
                show(epoch)
                yield _colours(figure)
                figure.set_layout_engine("none")  # all frames are laid out as the first one

    def gif(self) -> bytes:
        """Return the frames as a looping GIF."""
        from PIL import Image

        images = [Image.fromarray(frame) for frame in self.frames()]
        # One palette for all, that of the last frame, which has every colour: nothing flickers.
        palette = images[-1].quantize(256, dither=Image.Dither.NONE)
        shown = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
        each = max(20, round(1000 / self.rate))
        made = io.BytesIO()
        shown[0].save(
            made, format="GIF", save_all=True, append_images=shown[1:], loop=0, optimize=False, disposal=1,
            duration=[each] * (len(shown) - 1) + [each * _LAST], comment=f"{self.title}. {MARK}".encode(),
        )  # fmt: skip
        return made.getvalue()

    def mp4(self) -> bytes:
        """Return the frames as MP4 (H.264).

        Raises:
            PictureError: the program ffmpeg is not installed, or fails.
        """
        program = shutil.which("ffmpeg")
        if program is None:
            raise PictureError("an MP4 needs the program ffmpeg, which is not installed here; save it as .gif instead")
        frames = list(self.frames())
        frames += [frames[-1]] * _LAST
        height, width = frames[0].shape[:2]
        with tempfile.TemporaryDirectory() as folder:  # an MP4 cannot be written to a pipe
            place = Path(folder) / "made.mp4"
            command = [
                program, "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
                "-r", f"{self.rate:g}", "-i", "-", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart",
                "-metadata", f"title={self.title}", "-metadata", f"comment={MARK}", str(place),
            ]  # fmt: skip
            done = subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), capture_output=True)
            if done.returncode or not place.is_file():
                lines = done.stderr.decode(errors="replace").strip().splitlines()
                raise PictureError(f"ffmpeg could not write the MP4 ({(lines or ['no reason given'])[-1]}); take .gif")
            return place.read_bytes()

    def formats(self) -> Mapping[str, Callable[[], bytes]]:
        still: Mapping[str, Callable[[], bytes]] = self.still.formats()
        return {"gif": self.gif, "mp4": self.mp4, **still}

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.gif()).decode()
        return f'<img src="data:image/gif;base64,{data}" alt="{escape(self.description)}" title="{escape(self.title)}">'


def _colours(figure: Figure) -> Any:
    """Return the current pixels of a figure."""
    canvas: Any = figure.canvas
    canvas.draw()
    shown = np.asarray(canvas.buffer_rgba())[..., :3]
    height, width = (length - length % 2 for length in shown.shape[:2])
    return np.ascontiguousarray(shown[:height, :width])


def animate(
    run: Any, cost: Any, table: Any = None, at: Mapping[str, ArrayLike] | None = None, *,
    names: str | Sequence[Name] | None = None, ranges: Mapping[str, Range] | None = None, frames: int = 60,
    rate: float = 12.0, points: int = 200, width: float | str = "column", title: str | None = None, na: str = "error",
    engine: str = "auto",
) -> Animation:  # fmt: skip
    """Animate a descent, or several at once, over the contours of its cost; ``.gif``, and with ffmpeg ``.mp4``.

    Early epochs, when most happens, take more of the frames.

    Args:
        run: a result of :func:`steepest.descend`, or several as a list or a dict by name.
        cost: the cost that was descended, or the model.
        table: the data, as for :func:`steepest.descend`.
        at, names, ranges, points, na, engine: as for :func:`steepest.pictures.surface`.
        frames: how many at most.
        rate: frames a second.
        width: ``"column"``, ``"page"`` or a number of inches.
        title: replaces the default title.

    Raises:
        PictureError: as for a surface, or there is only one axis.

    >>> import steepest as st
    >>> x, y = st.params("x", "y")
    >>> climbed = st.descend(x * y, start={"x": 4.0, "y": -3.0}, rate=0.2, epochs=3, maximise=True)
    >>> animate(climbed, x * y, points=20).epochs
    (0, 1, 2, 3)

    Source: row E4 of the notes.
    """
    if not 0.1 <= rate <= 50:
        raise PictureError(f"a rate is from 0.1 to 50 frames a second, not {in_python(rate)}")
    still = surface(
        cost, table, at, names=names, paths=run, ranges=ranges, points=points, width=width, title=title, na=na,
        engine=engine,
    )  # fmt: skip
    found = still.numbers
    if not isinstance(found, Surface):
        raise PictureError("an animation takes two axes; give two names, or draw the surface over one")
    if not found.trails:
        raise PictureError("there is no descent to animate; give a result of st.descend")
    return Animation(still, _frames(found.trails, frames), rate, width_of(width))


def _frames(trails: Sequence[Trail], most: int) -> list[int]:
    """Return the epochs that are shown: those of all trails together, ever further apart if there are too many."""
    epochs = np.unique(np.concatenate([trail.epochs for trail in trails]))
    if len(epochs) > most:
        epochs = epochs[np.unique(np.round(np.linspace(0, 1, max(most, 2)) ** 2 * (len(epochs) - 1)).astype(int))]
    return [int(epoch) for epoch in epochs]
