"""Parameters into kernels and numbers out of them, as the methods of this folder need it.

The functions are translated to machine code; see :mod:`steepest.engines.native.methods.translation`.
"""

from __future__ import annotations

from steepest.engines.native.methods.intrinsics import Floats, Words, floats_at

_PARAMS = 2
"""Where the address of the parameters is among the words of a kernel, after its own and that of the columns."""


def placed(kernel: Words, places: Words, p: int, flat: Floats) -> None:
    """Write parameters to their positions in the array that a kernel reads; −1 is none."""
    params = floats_at(kernel[_PARAMS])
    for k in range(p):
        if places[k] >= 0:
            params[places[k]] = flat[k]


def gathered(columns: Words, k: int, n: int, lanes: int, target: Floats) -> None:
    """Write a partial derivative of every sample to an array, ``(n,)``.

    Args:
        columns: for each parameter the address of an output, the element in it, the number of its elements, and
            whether it has a value per sample, which is then in blocks of ``lanes`` samples.
        k: the parameter.
        n: the number of samples.
        lanes: the samples of a block.
        target: the numbers are written here.
    """
    source, element, elements = floats_at(columns[4 * k]), columns[4 * k + 1], columns[4 * k + 2]
    if columns[4 * k + 3] == 0:
        for i in range(n):
            target[i] = source[element]
    elif elements == 1:
        for i in range(n):
            target[i] = source[i]
    else:
        for i in range(n):
            target[i] = source[(i // lanes * elements + element) * lanes + i % lanes]
