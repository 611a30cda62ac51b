"""Small plots of dots on a terminal: Braille characters of 2 × 4 dots, or in plain ASCII of 1 × 2."""

from __future__ import annotations

from collections.abc import Sequence

from steepest.display.axes import Axis, Costs, written

_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot, row by row. Source: The Unicode Standard, block Braille Patterns."""
_PLAIN = " '.:"  # by whether the upper and the lower dot are there


class Dots:
    """A sheet of dots in columns and rows of characters, which have fewer dots in plain ASCII."""

    def __init__(self, columns: int, rows: int, plain: bool = False) -> None:
        self.plain = plain
        self.across, self.down = (1, 2) if plain else (2, 4)  # dots of a character
        self.width, self.height = columns * self.across, rows * self.down
        self._bits = [[0] * columns for _ in range(rows)]

    def put(self, x: int, y: int) -> None:
        """Put a dot; (0, 0) is at the lower left."""
        y = self.height - 1 - y
        bit = (1 << y % 2) if self.plain else _BRAILLE[y % 4][x % 2]
        self._bits[y // self.down][x // self.across] |= bit

    def line(self, points: Sequence[tuple[int, int]]) -> None:
        """Put dots along the straight lines from one point to the next."""
        for (x0, y0), (x1, y1) in zip(points, points[1:] or points, strict=False):
            steps = max(abs(x1 - x0), abs(y1 - y0), 1)
            for k in range(steps + 1):
                self.put(x0 + round(k * (x1 - x0) / steps), y0 + round(k * (y1 - y0) / steps))

    def lines(self) -> list[str]:
        """Return the sheet as lines of text, from the top."""
        if self.plain:
            return ["".join(_PLAIN[bits] for bits in row) for row in self._bits]
        return ["".join(chr(0x2800 + bits) if bits else " " for bits in row) for row in self._bits]


def plot(found: Costs, width: int = 60, height: int = 10, plain: bool = False) -> str:
    """Return costs by epoch as lines of text; the cost is a line, that of the validation rows dots.

    The width is that of the whole, the height that of the curves: two more lines are the axis of epochs.
    """
    ticks = _row_labels(found.y, height)
    margin = max(len(text) for text in ticks.values())
    sheet = Dots(max(width - margin - 2, 10), height, plain)
    for k, curve in enumerate(found.curves):
        across = [round(found.x.place(epoch) * (sheet.width - 1)) for epoch, _ in curve.points]
        up = [round(found.y.place(cost) * (sheet.height - 1)) for _, cost in curve.points]
        if k == 0:
            sheet.line(list(zip(across, up, strict=True)))
        else:
            for x, y in zip(across, up, strict=True):
                sheet.put(x, y)
    edge, corner, along, at = ("|", "+", "-", "+") if plain else ("│", "└", "─", "┬")
    tick = "+" if plain else "┤"
    rows = [
        f"{ticks.get(k, ''):>{margin}} {tick if k in ticks else edge}{line}".rstrip()
        for k, line in enumerate(sheet.lines())
    ]
    marks, labels = _column_labels(found.x, sheet.width // sheet.across)
    axis = "".join(at if k in marks else along for k in range(sheet.width // sheet.across))
    drawn = ", ".join(f"{curve.name} ({'dots' if k else 'line'})" for k, curve in enumerate(found.curves))
    names = "cost" if drawn == "cost (line)" else drawn
    return "\n".join(
        [f"{names} by epoch", *rows, f"{'':>{margin}} {corner}{axis}", f"{'':>{margin}}  {labels}".rstrip()]
    )


def _row_labels(axis: Axis, height: int) -> dict[int, str]:
    """Return the labels left of the lines, from the top: round values, else the ends of the axis."""
    values = axis.ticks(max(height // 2, 2))
    if len(values) < 2:
        values = [axis.low, axis.high]
    found: dict[int, str] = {}
    for value in values:
        found.setdefault(height - 1 - round(axis.place(value) * (height - 1)), written(float(f"{value:.3g}")))
    return found


def _column_labels(axis: Axis, width: int) -> tuple[set[int], str]:
    """Return where the axis has marks, and the line of values below them."""
    marks: set[int] = set()
    line = ""
    for value in axis.ticks(max(width // 10, 2)):
        at = round(axis.place(value) * (width - 1))
        text = written(value)
        begin = max(0, min(at - len(text) // 2, width - len(text)))
        marks.add(at)
        if begin >= len(line) + (1 if line else 0):
            line = f"{line:<{begin}}{text}"
    return marks, line
