"""Derivations: of numbers line by line, of layers by indices, in vectors and in matrices, each equation checked."""
