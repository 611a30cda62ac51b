"""The cost by epoch as a small SVG, drawn without a plotting library, in the text colour of the page around it."""

from __future__ import annotations

from html import escape

from steepest.display.axes import Costs, written
from steepest.display.palette import BLUE, ORANGE

_WIDTH, _HEIGHT = 460, 220  # pixels: a cell of a notebook shows it without scrolling
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 26, 40
_COLOURS, _DASHES = (BLUE, ORANGE), ("", ' stroke-dasharray="6 3"')
_MOST_POINTS = 400  # about one a pixel of the width


def curve_svg(plot: Costs) -> str:
    """Return the curves with axes, a title and a description as SVG."""
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def across(epoch: float) -> float:
        return _LEFT + plot.x.place(epoch) * (right - _LEFT)

    def up(cost: float) -> float:
        return bottom - plot.y.place(cost) * (bottom - _TOP)

    title = escape(f"{' and '.join(curve.name for curve in plot.curves)} by epoch".capitalize())
    description = escape(plot.description)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{title}. {description}" viewBox="0 0 {_WIDTH} '
        f'{_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" style="max-width:100%;height:auto" font-size="12" '
        'font-family="system-ui,sans-serif" fill="currentColor">',
        f"<title>{title}</title><desc>{description}</desc>",
    ]
    for tick in plot.y.ticks(5) if len(plot.y.ticks(5)) > 1 else [plot.y.low, plot.y.high]:
        y = up(tick)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="currentColor" stroke-opacity=".15"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{written(float(f"{tick:.3g}"))}</text>')
    for tick in plot.x.ticks(7):
        x = across(tick)
        parts.append(f'<path d="M{x:.1f} {bottom}v5" stroke="currentColor"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{written(tick)}</text>')
    parts.append(f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="currentColor"/>')
    parts.append(f'<text x="{(_LEFT + right) / 2:.1f}" y="{_HEIGHT - 5}" text-anchor="middle">epoch</text>')
    parts.append(f'<text x="{_LEFT - 6}" y="14" text-anchor="end">cost</text>')
    # A falling curve leaves the lower left free, a rising one the upper left.
    ends = plot.curves[0].points[0], plot.curves[0].points[-1]
    legend = bottom - 30 if ends[1][1] <= ends[0][1] else _TOP + 10
    for k, curve in enumerate(plot.curves):
        step = -(-len(curve.points) // _MOST_POINTS)
        points = [*curve.points[:-1:step], curve.points[-1]]
        path = " ".join(f"{across(epoch):.1f},{up(cost):.1f}" for epoch, cost in points)
        drawn = f'stroke="{_COLOURS[k]}" stroke-width="2"{_DASHES[k]}/>'
        parts.append(f'<polyline points="{path}" fill="none" {drawn}')
        if len(plot.curves) > 1:
            parts.append(f'<path d="M{_LEFT + 12} {legend + 16 * k}h24" {drawn}')
            parts.append(f'<text x="{_LEFT + 42}" y="{legend + 4 + 16 * k}">{escape(curve.name)}</text>')
    return "".join([*parts, "</svg>"])
