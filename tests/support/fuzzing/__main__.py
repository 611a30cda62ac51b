"""Run the fuzzer: ``python -m fuzzing --count 2000 [--seed 1] [--kind model]`` in ``tests/support``.

Prints one line of JSON for every fault, and how many cases of each kind ended with which status.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic

from fuzzing.cases import KINDS, case_of, make_bases, write_parquet
from fuzzing.sandbox import examine, warm_up


def main() -> int:
    """Run cases of each kind in turn; return 1 if one is at fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=[*KINDS], action="append")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    kinds = given.kind or [*KINDS]
    place = Path(tempfile.mkdtemp(prefix="fuzzing"))
    os.environ["STEEPEST_CACHE_DIR"] = str(place / "kernels")
    (place / "kernels").mkdir(mode=0o700)
    try:
        child = os.fork()
        if not child:
            write_parquet(place / "parquet")
            os._exit(0)
        os.waitpid(child, 0)
        warm_up()
        bases = make_bases(place, examine)
        ended: dict[str, Counter[int]] = {kind: Counter() for kind in kinds}
        bad, slowest, largest, begun = 0, 0.0, 0.0, monotonic()
        for k in range(given.count):
            kind, seed = kinds[k % len(kinds)], given.seed + k // len(kinds)
            case = case_of(kind, seed, bases)
            faults, outcomes = examine(case, place / "case")
            shutil.rmtree(place / "case")
            ended[kind][outcomes[-1].status] += 1
            slowest = max(slowest, *(each.work for each in outcomes))
            largest = max(largest, *(each.megabytes for each in outcomes))
            bad += bool(faults)
            if faults or given.verbose:
                last = outcomes[-1]
                words = [word[:300] for word in case.commands[len(outcomes) - 1]]
                about = {"kind": kind, "seed": seed, "faults": faults, "words": words, "status": last.status}
                _write({**about, "err": last.err[-1500:]})
    finally:
        shutil.rmtree(place, ignore_errors=True)
    counts = {kind: dict(sorted(count.items())) for kind, count in ended.items()}
    about = {"cases": given.count, "bad": bad, "statuses": counts, "most seconds of work": round(slowest, 1)}
    _write({**about, "most MB": round(largest), "seconds": round(monotonic() - begun)})
    return bool(bad)


def _write(about: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(about) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
