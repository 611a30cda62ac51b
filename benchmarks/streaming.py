"""A network trained from a Parquet file larger than it may take of memory: how much it takes, and how fast it goes.

A file of --gigabytes is written first, random numbers in 64 feature columns and a class, which do not compress. Then
``steepest fit`` trains 64-32-2 on it for an epoch in batches of 256, as a process whose memory is measured from
outside. The bar is a file of 4 GB within 1 GB of memory.
"""

from __future__ import annotations

import importlib.util
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from peers import module
from start_up import steepest_command
from timing import Options, RefusedError, benchmark, table

FEATURES, GROUP = 64, 50_000
BAR_BYTES = 1e9


def written(path: Path, wanted: float) -> int:
    """Write a file of at least so many bytes; its rows."""
    if importlib.util.find_spec("pyarrow") is None:
        raise RefusedError("pyarrow is not installed, which writes the file; install it")
    arrow, parquet = module("pyarrow"), module("pyarrow.parquet")
    rng = np.random.default_rng(0)
    slope = rng.normal(size=FEATURES)
    names = [*(f"x{k}" for k in range(FEATURES)), "y"]
    schema = arrow.schema([(name, arrow.float64()) for name in names])
    rows = 0
    with parquet.ParquetWriter(path, schema, compression="zstd", use_dictionary=False) as file:
        while path.stat().st_size < wanted or not rows:
            inputs = rng.normal(size=(GROUP, FEATURES))
            classes = (inputs @ slope + rng.normal(size=GROUP) > 0).astype(float)
            columns = [*inputs.T.copy(), classes]
            file.write_table(arrow.table(dict(zip(names, columns, strict=True)), schema=schema))
            rows += GROUP
    return rows


@benchmark(
    __doc__, rounds=1, quick_rounds=1,
    extra=[click.Option(["--gigabytes"], type=float, default=4.2, show_default=True, help="Of the file, 10⁹ bytes.")],
)  # fmt: skip
def run(options: Options, gigabytes: float) -> dict[str, Any]:
    """Write the file, train on it, show what it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.parquet"
        rows = written(path, (0.6 if options.quick else gigabytes) * 1e9)
        size = path.stat().st_size
        command = [
            steepest_command(), "fit", str(path), "y ~ sigmoid(dense(tanh(dense(X, 32)), 1))", "--features", "x*",
            "--cost", "cross_entropy", "--optimiser", "adam", "--rate", "0.001", "--batch", "256", "--epochs", "1",
            "--dtype", "float32",
        ]  # fmt: skip
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        took = time.perf_counter() - begin
        if done.returncode:
            raise RefusedError(f"'steepest fit' ended with status {done.returncode}: {done.stderr.strip()}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    met = "met" if peak <= BAR_BYTES else "MISSED"
    lines = [
        ["file", f"{size / 1e9:.2f} GB, {rows:,} rows"], ["most memory", f"{peak / 1e6:.0f} MB, bar 1000 MB: {met}"],
        ["time, the final cost included", f"{took:.1f} s"], ["rows a second", f"{rows / took:,.0f}"],
    ]  # fmt: skip
    options.write(table(("", ""), lines))
    options.write(done.stdout)
    return {"bytes": size, "rows": rows, "peak": peak, "seconds": took}


if __name__ == "__main__":
    run()
