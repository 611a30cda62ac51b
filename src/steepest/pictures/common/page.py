"""The style that interactive pictures share, and the page that they are saved as."""

from __future__ import annotations

from html import escape
from typing import Any

from steepest.display.palette import DARK_INK, DARK_PAPER, INK, PAPER, SERIES

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKS = ("circle", "square", "diamond", "cross", "x", "circle-open")  # those that plotly has in space, too

# Ink follows the reader's choice of light or dark, as it does in SVG.
_FOLLOW = """
const picture = document.getElementById("{plot_id}");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
function follow() {
  const ink = dark.matches ? "%s" : "%s";
  const change = {"font.color": ink};
  for (const name of Object.keys(picture._fullLayout)) {
    if (/^[xy]axis\\d*$/.test(name)) {
      change[name + ".gridcolor"] = change[name + ".linecolor"] = ink + "40";
      change[name + ".zerolinecolor"] = ink + "40";
    }
  }
  Plotly.relayout(picture, change);
}
dark.addEventListener("change", follow);
follow();
""" % (DARK_INK, INK)  # noqa: UP031 - braces belong to the script

_STYLE = (
    f"body{{margin:1rem;font-family:system-ui,sans-serif;color:{INK};background:{PAPER}}}"
    f"@media (prefers-color-scheme: dark){{body{{color:{DARK_INK};background:{DARK_PAPER}}}}}"
    "main{max-width:60rem;margin:auto}"
)


def line_style(k: int) -> dict[str, Any]:
    """Return colour and dashes of line number k."""
    return {"color": SERIES[k % len(SERIES)], "dash": DASHES[k % len(DASHES)], "width": 3}


def layout(figure: Any, title: str) -> Any:
    """Set the style that all figures share; the background is that of the page."""
    figure.update_layout(
        title={"text": escape(title)}, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", height=560,
        font={"family": "system-ui, sans-serif", "color": INK, "size": 14}, template="none",
        margin={"l": 70, "r": 20, "t": 60, "b": 60}, legend={"orientation": "h", "y": -0.16},
        modebar={"bgcolor": "rgba(0,0,0,0)"},
    )  # fmt: skip
    return figure


def page(figure: Any, title: str, description: str) -> str:
    """Return a page with a figure, the script that draws it in the page itself, and its description below."""
    body = figure.to_html(
        full_html=False, include_plotlyjs=True, include_mathjax=False, div_id="picture", post_script=_FOLLOW,
        config={"displaylogo": False, "responsive": True},
    )  # fmt: skip
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body><main>\n'
        f'<div role="img" aria-label="{escape(title)}" aria-describedby="description">{body}</div>\n'
        f'<p id="description">{escape(description)}</p>\n</main></body>\n</html>\n'
    )
