"""Comparison with numbers as the notes print them."""

from __future__ import annotations

NAND_START = {"w1": 0.3, "w2": 0.6, "b": 0.1}
"""Where the notes begin the descent of the neuron on NAND."""


def digits(value: float, printed: str) -> bool:
    """Whether a value rounds to the number as it is printed."""
    decimals = len(printed.split("e")[0].partition(".")[2])
    if "e" in printed:
        return f"{value:.{decimals}e}" == printed
    return f"{value:.{decimals}f}" == printed
