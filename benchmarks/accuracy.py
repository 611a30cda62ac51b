"""How far results are from the true values: elementary functions in ulp, and every operation and derivative relatively.

The first table is of the native engine's elementary functions, with the time they take compared with NumPy's. Their
arguments are those of the tests, more of them: of every exponent, from where a function lives, and around every
place where its computation changes. Extended precision finds the worst ones, mpmath judges these. Errors are in units
in the last place of the true value, denormal numbers included; correct rounding would be 0.5. Times are those of a
value in a long array of ordinary arguments, computed in vectors of 64 bytes.

The second table has the largest relative error of the value of every operation and of each partial derivative, over the
whole range of a precision, by both engines; the third has those of exported files. Results that overflow or are below
the smallest normal number are left out. A "-" is a derivative that is no prediction: it has no data column. What is
above the bar is listed; where a difference of arguments is rounded before an exponential, that rounding is allowed.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from timing import Options, benchmark, interleaved, seconds, table

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

import native_harness
import native_oracle
import native_samples
import whole_range
from native_accuracy import largest
from whole_range_engines import ENGINES, Engine

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


def functions(options: Options) -> list[dict[str, Any]]:
    """Measure the elementary functions and print their table."""
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
    return results


def exports() -> Mapping[str, Engine]:
    """Exported files, if what runs them is installed."""
    try:
        from export_harness import COMPILER
        from whole_range_exports import EXPORTS
    except ImportError as error:
        sys.stderr.write(f"exported files are left out: {error}\n")
        return {}
    return {name: run for name, run in EXPORTS.items() if name != "c" or COMPILER}


def operations(options: Options, engines: Mapping[str, Engine], dtypes: Sequence[str]) -> list[dict[str, Any]]:
    """Compute the relative errors of all operations by some engines and print their table."""
    columns = [(engine, dtype) for dtype in dtypes for engine in engines]
    results = [each for engine, dtype in columns for each in errors(options, engine, engines[engine], dtype)]
    cells: dict[tuple[str, ...], list[str]] = {}
    for each in results:
        error = "-" if each["error"] is None else f"{each['error']:.1e}" if each["error"] else "0"
        cells.setdefault((each["operation"], each["engine"], each["dtype"]), []).append(error)
    rows = [(name, *(", ".join(cells[name, *column]) for column in columns)) for name in whole_range.NAMES]
    options.write("\nLargest relative error of the value, and of each partial derivative\n")
    options.write(table(("operation", *map(" ".join, columns)), rows))
    above = [each for each in results if each["error"] is not None and each["excess"] > 1]
    options.write(f"Above the bar: {len(above)}")
    for each in above:
        options.write(f"  {each['engine']} {each['dtype']}: {each['at']}, {each['excess']:.3g} times the bar")
    return results


def errors(options: Options, engine: str, run: Engine, dtype: str) -> Iterator[dict[str, Any]]:
    """Compute the largest errors of the value and the partial derivatives of each operation by an engine."""
    count = 10 if options.quick else 500
    trials = [trial for name in whole_range.NAMES for trial in whole_range.trials(name, dtype, count)]
    found = run(trials, dtype)
    for trial in trials:
        row = {"operation": trial.operation, "what": trial.what, "engine": engine, "dtype": dtype, "error": None}
        if trial.name in found:
            excess = trial.excess(found[trial.name], whole_range.BARS[dtype])
            worst = int(excess.argmax())
            largest_error = float(trial.errors(found[trial.name]).max())
            row |= {"error": largest_error, "excess": float(excess.flat[worst]), "at": trial.at(worst)}
        yield row


@benchmark(__doc__, rounds=21)
def main(options: Options) -> dict[str, Any]:
    """Measure, print, and return what goes into the JSON."""
    found = {"functions": functions(options), "operations": operations(options, ENGINES, whole_range.DTYPES)}
    exported = exports()
    found["exports"] = [
        row for dtype in whole_range.DTYPES if exported for row in operations(options, exported, [dtype])
    ]
    return found


if __name__ == "__main__":
    main()
