"""Computational graphs: values forward, gradients backward, the chain rule at every gate, drawn.

Rows E6 to E8 of the notes.
"""

from __future__ import annotations

from steepest.diagrams.graph.graph import ComputationalGraph as ComputationalGraph
from steepest.diagrams.graph.graph import Row as Row
from steepest.diagrams.graph.graph import graph as graph
