"""How long whole processes take: importing NumPy, importing steepest, help, and the first fit.

Three bars: ``import steepest`` within 1.5 times ``import numpy``, ``steepest --help`` within 0.25 s, and
``steepest fit nand`` within 3 s. The times are those of whole processes, the start of Python included; the ratio
less the start of Python is shown beside the one that the bar is for. ``import steepest`` alone loads no NumPy,
so there is a second import that uses the numeric half.
"""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

from timing import Options, RefusedError, Times, benchmark, processes, ratio, table

NUMERIC = "import steepest as st; st.evaluate; st.gradient; st.descend"
SECONDS = {"steepest --help": 0.25, "steepest fit nand": 3.0}
RATIO = 1.5


def steepest_command() -> str:
    """The ``steepest`` command of the environment that this script runs in."""
    found = shutil.which("steepest", path=str(Path(sys.executable).parent))
    if found is None:
        raise RefusedError("there is no steepest command beside this Python; install the project into its environment")
    return found


def commands() -> dict[str, list[str]]:
    """What is measured, by the name it is reported under."""
    python, steepest = sys.executable, steepest_command()
    return {
        "python -c pass": [python, "-c", "pass"],
        "import numpy": [python, "-c", "import numpy"],
        "import steepest": [python, "-c", "import steepest"],
        "import steepest, numeric": [python, "-c", NUMERIC],
        "steepest --help": [steepest, "--help"],
        "steepest fit nand": [steepest, "fit", "nand"],
    }


def verdicts(times: Times) -> list[tuple[str, float, float]]:
    """What has a bar: its name, its value and the bar."""
    found = [
        (f"{name} / import numpy", ratio(times, name, "import numpy"), RATIO)
        for name in ("import steepest", "import steepest, numeric")
    ]
    return found + [(f"{name}, s", statistics.median(times[name]), bar) for name, bar in SECONDS.items()]


@benchmark(__doc__, rounds=21)
def main(options: Options) -> dict[str, Any]:
    """Measure, print, and return what goes into the JSON."""
    times = processes(commands(), options.rounds)
    rows = [
        (
            name,
            f"{statistics.median(found):.3f}",
            f"{min(found):.3f}",
            f"{max(found):.3f}",
            f"{ratio(times, name, 'import numpy'):.2f}",
            f"{ratio(times, name, 'import numpy', less='python -c pass'):.2f}",
        )
        for name, found in times.items()
    ]
    headers = ("whole process", "median s", "least s", "most s", "/ import numpy", "less Python's start")
    options.write(table(headers, rows))
    options.write(f'\n"numeric" is {NUMERIC}\n')
    judged = verdicts(times)
    rows_of_bars = [
        (name, f"{value:.3f}", f"{bar:g}", "within" if value <= bar else "BEYOND") for name, value, bar in judged
    ]
    options.write(table(("bar", "measured", "at most", ""), rows_of_bars))
    bars = [{"name": name, "measured": value, "at_most": bar} for name, value, bar in judged]
    return {"seconds": times, "bars": bars}


if __name__ == "__main__":
    main()
