"""Derivations of models made of layers: by indices, in vectors, in matrices, each equation checked at points."""

from steepest.derivations.layered import LayeredDerivation as LayeredDerivation
from steepest.derivations.layered import derive_layers as derive_layers
from steepest.derivations.nodewise import NodeDerivation as NodeDerivation
from steepest.derivations.nodewise import derive_nodes as derive_nodes
