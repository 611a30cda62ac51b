"""Derivations of models made of layers: by indices, in vectors, in matrices, each equation checked at points."""

from steepest.layered.derivation import LayeredDerivation as LayeredDerivation
from steepest.layered.derivation import derive_layers as derive_layers
from steepest.layered.nodewise import NodeDerivation as NodeDerivation
from steepest.layered.nodewise import derive_nodes as derive_nodes
