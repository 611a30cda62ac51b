"""How long the proof-reader takes for a document of a hundred equations, right ones and ones with mistakes.

python benchmarks/proofreading.py
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from planted import derivations
from steepest.proofreading import proofread


def documents() -> dict[str, str]:
    """A hundred equations or a little more, each derivation a section; in the second every derivation has a fault."""
    right, wrong = "", ""
    for derivation in derivations():
        if proofread(right).counts["holds"] >= 100:
            break
        fault = next(derivation.wrong(), None)
        right += f"\n# {derivation.name}\n{derivation.right}\n"
        wrong += f"\n# {derivation.name}\n{fault.text if fault else derivation.right}\n"
    return {"right": right, "with mistakes": wrong}


def main() -> None:
    """Print the shortest of five times."""
    for name, text in documents().items():
        best = float("inf")
        for _ in range(5):
            began = time.perf_counter()
            proof = proofread(text)
            best = min(best, time.perf_counter() - began)
        sys.stdout.write(f"{name:14} {len(proof.findings):4} equalities {best:6.2f} s   {proof.counts}\n")


if __name__ == "__main__":
    main()
