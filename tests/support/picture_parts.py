"""What tests of pictures look at: the parts of an SVG, and data to draw."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np

import steepest as st

NAMESPACE = "{http://www.w3.org/2000/svg}"
TWICE: dict[str, Any] = {"x": np.arange(5.0), "y": 2 * np.arange(5.0)}
NAND_START = {"w1": 0.3, "w2": 0.6, "b": 0.1}


def parsed(svg: str) -> ET.Element:
    """The SVG by a parser of XML, which refuses what is not well formed."""
    return ET.fromstring(svg)


def words(root: ET.Element) -> list[str]:
    """Every text that stands in the picture."""
    return ["".join(node.itertext()).strip() for node in root.iter(f"{NAMESPACE}text")]


def group(root: ET.Element, name: str) -> ET.Element | None:
    """The group of an artist by its name."""
    return next((node for node in root.iter(f"{NAMESPACE}g") if node.get("id") == name), None)


def paths(root: ET.Element, name: str) -> list[ET.Element]:
    """The paths within an artist's group."""
    found = group(root, name)
    return [] if found is None else list(found.iter(f"{NAMESPACE}path"))


def line_costs() -> tuple[st.Expression, dict[str, Any]]:
    """Linear regression of row E5 over a thousand rows."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=1000)
    return st.parse("mean((w*x + b - y)^2)", data=["x", "y"]), {"x": x, "y": 2 * x + 1 + 0.3 * rng.normal(size=1000)}
