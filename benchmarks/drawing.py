"""How long a paper takes, of the network 2-2-1, and a surface: costs on a grid of 200 × 200 over 1,000 rows.

Each job runs in a process of its own, as for a user who asks for one: "first" is its time within the process, from
before the pictures' libraries are loaded until the text is written, compiling included where no compiled code is kept;
"again" is the second time in the same process. There are no peers: nothing was found that writes such a paper.
`graphs.py` times computational graphs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from timing import Options, RefusedError, benchmark, table

JOBS: dict[str, tuple[str, float]] = {
    "paper of 2-2-1 as HTML": (
        """
import steepest as st
data = {"X": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0]}
def job():
    model = st.models.network([2, 2, 1], activation="sigmoid", cost="mse")
    model.paper(data, rate=1.0, epochs=10000).text(".html")
""",
        5.0,
    ),
    "surface of 200 × 200, the neuron over 1,000 rows": (
        """
import numpy as np, steepest as st
random = np.random.default_rng(0)
data = {"x": random.normal(size=1000), "y": random.normal(size=1000), "z": (random.random(1000) > .5).astype(float)}
cost = st.models.neuron().cost
def job():
    found = st.pictures.surface(cost, data, at={"w1": 0.3, "w2": 0.6, "b": 0.1}, names=("w1", "w2"), points=200)
    assert found.numbers.costs.shape == (200, 200), found.numbers.costs.shape
""",
        1.0,
    ),
}
_TIMED = """
import json, sys, time
times = []
for _ in range(2):
    begin = time.perf_counter()
    job()
    times.append(time.perf_counter() - begin)
json.dump(times, sys.stdout)
"""


def measure(program: str) -> list[float]:
    """The first and the second time of a job, s."""
    found = subprocess.run([sys.executable, "-c", program + _TIMED], capture_output=True, text=True, timeout=300)
    if found.returncode:
        raise RefusedError(found.stderr.strip().splitlines()[-1])
    return [float(each) for each in json.loads(found.stdout)]


@benchmark(__doc__, rounds=5, quick_rounds=1)
def run(options: Options) -> dict[str, list[list[float]]]:
    """Run every job in turn, and show medians beside the bars."""
    found: dict[str, list[list[float]]] = {name: [] for name in JOBS}
    for _ in range(options.rounds):
        for name, (program, _) in JOBS.items():
            found[name].append(measure(program))
    rows = []
    for name, (_, bar) in JOBS.items():
        first, again = (statistics.median(times) for times in zip(*found[name], strict=True))
        rows.append([name, f"{first:.2f}", f"{again:.2f}", f"≤ {bar:g}", "met" if first <= bar else "MISSED"])
    options.write(table(["what", "first, s", "again, s", "bar, s", ""], rows))
    return found


if __name__ == "__main__":
    run()
