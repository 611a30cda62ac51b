"""Computational graphs: values forward, gradients backward, the chain rule at every gate, drawn.

Rows E6 to E8 of the notes.
"""

from __future__ import annotations

from steepest.graphs.graph import ComputationalGraph as ComputationalGraph
from steepest.graphs.graph import Row as Row
from steepest.graphs.graph import graph as graph
