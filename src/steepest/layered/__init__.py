"""Derivations of models made of layers: by indices, in vectors, in matrices, each equation checked at points."""

from steepest.layered.derivation import LayeredDerivation as LayeredDerivation
from steepest.layered.derivation import derive_layers as derive_layers
