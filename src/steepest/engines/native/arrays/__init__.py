"""Descents of networks by machine code: samples are rows of arrays, lanes carry neighbouring features."""
