"""Derivations: of numbers line by line, of layers in indices, in vectors and in matrices, each equation checked."""
