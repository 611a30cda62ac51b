"""How far the native engine's elementary functions are from the true values, and how long they take beside NumPy's.

The arguments are those of the tests, more of them: of every exponent, from where a function lives, and around every
place where its computation changes. Extended precision finds the worst ones, mpmath judges these. Errors are in units
in the last place of the true value, denormal numbers included; correct rounding would be 0.5. Times are those of a
value in a long array of ordinary arguments, computed in vectors of 64 bytes.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np

from timing import Options, benchmark, interleaved, seconds, table

sys.path.append(str(Path(__file__).parents[1] / "tests"))

import native_harness
import native_oracle
import native_samples
from native_accuracy import largest

NUMBERS = 1 << 15
REPEATS = 10


def ordinary(name: str, width: int) -> tuple[Any, ...]:
    """Arguments as models have them."""
    rng = np.random.default_rng(5)
    low, high = (0.1, 10.0) if name in ("log", "log1p", "sqrt", "power") else (-5.0, 5.0)
    arguments = 2 if name in native_harness.BINARY else 1
    return tuple(rng.uniform(low, high, NUMBERS).astype(native_samples.KINDS[width]) for _ in range(arguments))


def measure(name: str, width: int, rounds: int) -> tuple[float, float]:
    """Nanoseconds a value: of the native code, and of NumPy's function."""
    arguments = ordinary(name, width)
    native = native_harness.prepared(name, *arguments, lanes=8 if width == 64 else 16)
    times = interleaved(
        {
            "native": lambda: seconds(lambda: [native() for _ in range(REPEATS)]),
            "numpy": lambda: seconds(lambda: [native_oracle.NUMPY[name](*arguments) for _ in range(REPEATS)]),
        },
        rounds,
    )
    scale = 1e9 / REPEATS / NUMBERS
    return statistics.median(times["native"]) * scale, statistics.median(times["numpy"]) * scale


@benchmark(__doc__, rounds=21)
def main(options: Options) -> dict[str, Any]:
    """Measure, print, and return what goes into the JSON."""
    rows, results = [], []
    for name in native_oracle.NUMPY:
        for width in (64, 32):
            count = 1 << (10 if options.quick else 20 if width == 64 else 22)
            error, where = largest(name, width, count, seed=3)
            native, numpy = measure(name, width, options.rounds)
            place = ", ".join(f"{x:.9g}" for x in where)
            rows.append((name, f"float{width}", f"{error:.3f}", place, f"{native:.2f}", f"{numpy:.2f}"))
            results.append(
                {"function": name, "width": width, "error": error, "at": where, "ns": native, "numpy": numpy}
            )
    headers = ("function", "precision", "largest error, ulp", "at", "ns a value", "NumPy's")
    options.write(table(headers, rows))
    return {"functions": results}


if __name__ == "__main__":
    main()
