"""The largest error of an elementary function of the native engine over many arguments."""

from __future__ import annotations

import numpy as np

import native_harness
import native_oracle
import native_samples

WORST, RANDOM = 60, 40
"""How many arguments of each sample mpmath computes: the worst by extended precision, and any."""


def largest(name: str, width: int, count: int, seed: int = 1, cpu: str | None = None) -> tuple[float, list[float]]:
    """The largest error, ulp, by mpmath, and its arguments.

    Args:
        name: the function.
        width: 64 or 32 bits.
        count: how many arguments each sample has.
        seed: what the samples are drawn with.
        cpu: which processor the code is made for, this one if left out.
    """
    worst: tuple[float, list[float]] = (0.0, [])
    rng = np.random.default_rng(seed)
    for arguments in native_samples.samples(name, width, count, seed):
        found = native_harness.run(name, *arguments, cpu=cpu)
        estimates = native_oracle.estimates(name, found, *arguments)
        assert not np.isinf(estimates).any(), (name, [x[np.argmax(estimates)] for x in arguments])
        indices = np.concatenate([np.argsort(estimates)[-WORST:], rng.integers(0, found.size, RANDOM)])
        for place in indices:
            given = [float(x[place]) for x in arguments]
            if not native_oracle.finite(name, *given):
                continue  # infinities and NaN are the special values' business
            error = native_oracle.error(found[place], native_oracle.exact(name, *given), width)
            worst = max(worst, (error, given), key=lambda pair: pair[0])
    return worst
