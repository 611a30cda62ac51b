"""Colours and sizes that all pictures share.

The colours are those of Okabe and Ito, which people with any of the usual colour deficiencies can tell apart; lines
differ by their dashes as well. Ink and paper follow the reader's choice of light or dark.
"""

from __future__ import annotations

# Okabe and Ito 2008, Color universal design; black is left to the ink.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW = "#56B4E9", "#CC79A7", "#F0E442"
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
"""The colours of several lines in one picture, in order."""

OVER = ("#ffffff", ORANGE, YELLOW, SKY, PURPLE, VERMILION)
"""The colours of several lines over a map of colours, which is dark at one end and bright at the other, in order."""
EDGE = "#101010"
"""The edge that keeps such lines apart from any of its colours."""

POSITIVE, NEGATIVE = BLUE, VERMILION
"""The colours of weights by their sign."""

INK, PAPER = "#1b1b1b", "#ffffff"
DARK_INK, DARK_PAPER = "#e8e6e3", "#16181c"

COLUMN, PAGE = 3.4, 7.0
"""Widths of pictures in inches: a column of a two-column paper, and both."""

STYLE = (
    f"svg{{color:{INK};background:transparent}}"
    f"@media (prefers-color-scheme: dark){{svg{{color:{DARK_INK}}}}}"
    "text{fill:currentColor;font-family:system-ui,sans-serif}"
)
"""Put into a ``<style>`` of every SVG: ink is ``currentColor``, light on dark where the reader wants that."""

READABLE = {BLUE: ("#00598f", "#6cb8ec"), GREEN: ("#00694d", "#45c79d"), VERMILION: ("#a34700", "#ff9a57")}
"""The same hues for letters, on light and on dark: thin strokes need a contrast of 4.5."""
