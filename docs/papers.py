"""Writes the papers of the notes' models into ``docs/papers/``, or the folder that is named.

    python docs/papers.py [FOLDER]

The network 64-32-10 learns scikit-learn's digits. Numbers and pictures are the same each time, the times are not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import steepest as st
from steepest.papers import Paper

SUFFIXES = (".tex", ".html", ".md", ".ipynb")
XOR = {"X": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0]}
CHAIN = {"x": [0.2, -0.4, 1, 0.7], "y": [0.3, 0.6, 0.9, 0.1]}  # row B3
START_OF_XOR = {"W1": [[0.5, -0.4], [0.3, 0.8]], "b1": [0.1, -0.2], "W2": [[0.7], [-0.6]], "b2": [0.05]}


def digits() -> dict[str, Any]:
    """scikit-learn's digits, 64 pixels from 0 to 1."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return {"X": found.data / 16, "y": found.target}


PAPERS: Mapping[str, Callable[[], Paper]] = {
    "linear": lambda: st.models.linear().paper("twice", start={"w": 0.0}, rate=0.05, epochs=100),
    "neuron": lambda: st.models.neuron().paper("nand", start={"w1": 0.3, "w2": 0.6, "b": 0.1}, rate=0.1, epochs=1000),
    "chain-2": lambda: st.models.chain(2).paper(
        CHAIN, start={"w1": 0.8, "b1": 0.1, "w2": -1.2, "b2": 0.2}, rate=0.5, epochs=1000
    ),
    "chain-m": lambda: st.models.chain(3).paper(
        CHAIN, symbolic=True, start={"w1": 0.8, "b1": 0.1, "w2": -1.2, "b2": 0.2, "w3": 1.5, "b3": -0.3}, rate=0.5,
        epochs=1000, title="A chain of m neurons",
    ),
    "network-2-2-1": lambda: st.models.network([2, 2, 1], activation="sigmoid", cost="mse").paper(
        XOR, start=START_OF_XOR, rate=1.0, epochs=10_000
    ),
    "network-64-32-10": lambda: st.models.network([64, 32, 10], output="softmax").paper(
        digits(), optimiser="adam", rate=0.01, batch=32, epochs=20
    ),
}  # fmt: skip
"""The papers by the names of their files."""


def main(folder: Path) -> None:
    """Write every paper in every format."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, paper in PAPERS.items():
        written = paper()
        for suffix in SUFFIXES:
            written.save(folder / f"{name}{suffix}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "papers")
