"""The set of derivations on which the proof-reader is measured: right ones, and ones with a fault planted.

The files in ``derivations/`` are written by hand. ``⟦right¦cause→wrong¦…⟧`` marks a place and the wrong texts that may
stand there; for each derivation and each cause in it one of them is drawn at random from a seed. A third of the first
84 derivations, drawn at random, is held out: its faults were never looked at, only the totals. ``further.txt`` was
written for development after the totals of the held-out third had been seen once.

    python tests/planted.py                 found, right cause, false alarms, development and held-out apart
    python tests/planted.py --part development --verbose
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from places import DERIVATIONS

FOLDER = DERIVATIONS
SEED = 20
_SITE = re.compile(r"⟦([^⟧]*)⟧")
ELSEWHERE = ("undefined", "stop-gradient")
"""Causes that show in another line than the one that lacks something."""


@dataclass(frozen=True)
class Derivation:
    """A derivation with marked places.

    Attributes:
        name: its title.
        topic: the file that it is from.
        marked: its text with the marks.
        held_out: whether it was kept out of development.
    """

    name: str
    topic: str
    marked: str
    held_out: bool

    @property
    def right(self) -> str:
        """The derivation without a fault."""
        return _SITE.sub(lambda site: site[1].split("¦")[0], self.marked)

    def wrong(self) -> Iterator[Planted]:
        """One planted fault for each cause that it has places for, drawn from the seed."""
        choices: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for number, site in enumerate(_SITE.finditer(self.marked)):
            for alternative in site[1].split("¦")[1:]:
                cause, _, text = alternative.partition("→")
                choices[cause].append((number, text))
        for cause in sorted(choices):
            drawn = random.Random(f"{SEED} {self.name} {cause}").choice(choices[cause])
            yield self.planted(cause, *drawn)

    def every(self) -> Iterator[Planted]:
        """All faults that may be planted in it."""
        for number, site in enumerate(_SITE.finditer(self.marked)):
            for alternative in site[1].split("¦")[1:]:
                cause, _, text = alternative.partition("→")
                yield self.planted(cause, number, text)

    def planted(self, cause: str, number: int, text: str) -> Planted:
        """The derivation with one of its places changed."""
        pieces: list[str] = []
        at = start = end = 0
        for k, site in enumerate(_SITE.finditer(self.marked)):
            pieces.append(self.marked[at : site.start()])
            here = sum(map(len, pieces))
            pieces.append(text if k == number else site[1].split("¦")[0])
            if k == number:
                start, end = here, here + len(pieces[-1])
            at = site.end()
        return Planted(self, cause, "".join(pieces) + self.marked[at:], start, end)


@dataclass(frozen=True)
class Planted:
    """A derivation with one fault.

    Attributes:
        derivation: the right one.
        cause: of the fault.
        text: the wrong one.
        start: where the fault begins.
        end: where it ends.
    """

    derivation: Derivation
    cause: str
    text: str
    start: int
    end: int


def derivations() -> list[Derivation]:
    """All derivations; those that ``held_out.list`` names, a third drawn at random, are held out."""
    apart = set((FOLDER / "held_out.list").read_text(encoding="utf-8").splitlines())
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        for part in re.split(r"(?m)^=== ", path.read_text(encoding="utf-8"))[1:]:
            name, _, text = part.partition("\n")
            found.append(Derivation(name.strip(), path.stem, text, name.strip() in apart))
    return found


@dataclass
class Count:
    """How often a cause was planted, found, found at its place, and named rightly."""

    planted: int = 0
    found: int = 0
    placed: int = 0
    named: int = 0


def measure(part: str, verbose: bool = False, every: bool = False) -> tuple[dict[str, Count], list[str], int]:
    """Counts per cause, the false alarms on right derivations, and how many right ones there are."""
    from steepest.proofreading import proofread

    counts: dict[str, Count] = defaultdict(Count)
    alarms: list[str] = []
    chosen = [d for d in derivations() if d.held_out == (part == "held-out")]
    for derivation in chosen:
        proof = proofread(derivation.right)
        for finding in proof.wrong:
            alarms.append(
                f"{derivation.topic}: {derivation.name}: {finding.source}: {finding.cause}: {finding.message}"
            )
        if verbose:
            for finding in proof.findings:
                if finding.verdict == "not-understood":
                    sys.stdout.write(f"  ? {derivation.name}: {finding.source}: {finding.message}\n")
        for fault in derivation.every() if every else derivation.wrong():
            wrong = proofread(fault.text).wrong
            count = counts[fault.cause]
            count.planted += 1
            here = [
                f for f in wrong if fault.cause in ELSEWHERE or (f.start <= fault.end + 3 and f.end >= fault.start - 3)
            ]
            count.found += bool(wrong)
            count.placed += bool(here)
            named = any(f.cause == fault.cause for f in here)
            count.named += named
            if verbose and not named:
                said = "; ".join(f"{f.cause}: {f.source}: {f.message}" for f in wrong) or "nothing"
                changed = fault.text[fault.start : fault.end]
                sys.stdout.write(f"  {derivation.name}: {fault.cause} ({changed!r}): {said}\n")
    return counts, alarms, len(chosen)


def main() -> None:
    """Print the table."""
    reader = argparse.ArgumentParser(description="Measure the proof-reader on planted faults.")
    reader.add_argument("--part", choices=["development", "held-out", "both"], default="both")
    reader.add_argument("--verbose", action="store_true")
    reader.add_argument("--every", action="store_true", help="plant all faults, not one drawn for each cause")
    options = reader.parse_args()
    for part in ("development", "held-out") if options.part == "both" else (options.part,):
        began = time.perf_counter()
        counts, alarms, many = measure(part, options.verbose, options.every)
        total = Count(*(sum(getattr(c, f) for c in counts.values()) for f in ("planted", "found", "placed", "named")))
        sys.stdout.write(f"\n{part}: {many} derivations, {time.perf_counter() - began:.1f} s\n")
        sys.stdout.write(f"  {'cause':14}{'planted':>8}{'found':>8}{'in place':>10}{'right cause':>13}\n")
        for cause, c in [*sorted(counts.items()), ("all", total)]:
            sys.stdout.write(f"  {cause:14}{c.planted:8}{c.found:8}{c.placed:10}{c.named:13}\n")
        share = [100 * getattr(total, f) / max(total.planted, 1) for f in ("found", "named")]
        sys.stdout.write(f"  found {share[0]:.1f} %, right cause {share[1]:.1f} %, false alarms {len(alarms)}\n")
        for alarm in alarms:
            sys.stdout.write(f"  false alarm: {alarm}\n")


if __name__ == "__main__":
    main()
