"""Nothing that a file, a name or an option holds makes a command crash, hang, or touch what it should not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzzing.fixed import LONG, alone, examine_long, examine_words
from fuzzing.sandbox import MEGABYTES, SECONDS, Outcome, faults

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="it forks and watches processes")]

SUPPORT = Path(__file__).parents[1] / "support"
COUNT = 2000
FINE = Outcome(2, "", "steepest: there is no such file; check its path\n", 1.0, 1.0, 100.0)


def test_two_thousand_inputs() -> None:
    """One sentence and the right status each; ``python -m fuzzing --count 20000`` tries more of them."""
    words = [sys.executable, "-m", "fuzzing", "--count", str(COUNT)]
    done = subprocess.run(words, cwd=SUPPORT, capture_output=True, text=True, timeout=3600)
    assert done.stdout, done.stderr
    *bad, summary = done.stdout.splitlines()
    assert not bad, "\n".join(bad[:10])
    found = json.loads(summary)
    assert found["cases"] == COUNT
    for kind, statuses in found["statuses"].items():
        assert statuses.get("0", 0) >= 2, f"{kind} has hardly a sound input"
        assert statuses.get("2", 0) >= 100 or kind == "cache", f"{kind} has hardly a bad input"
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (Outcome(101, "", "Traceback (most recent call last)", 1, 1, 100), "its status is 101"),
        (Outcome(2, "", "Traceback (most recent call last)", 1, 1, 100), "it prints a traceback"),
        (Outcome(-1, "", "", 20, 1, 100), "it takes 20 s"),
        (Outcome(0, "", "", 12, SECONDS + 1, 100), "it takes 12 s"),
        (Outcome(0, "", "", 1, 1, MEGABYTES + 1), "it needs 1001 MB"),
        (Outcome(-9, "", "", 1, 1, 100), "its status is -9"),
        (Outcome(2, "", "", 1, 1, 100), "it prints 0 sentences"),
        (Outcome(2, "", "steepest: a\nError: b\n", 1, 1, 100), "it prints 2 sentences"),
        (Outcome(2, "", "steepest: " + "a " * 800, 1, 1, 100), "its sentence has 1610 characters"),
        (Outcome(0, "\x1b[31m", "", 1, 1, 100), "it prints a control character"),
    ],
)
def test_what_is_a_fault(outcome: Outcome, says: str) -> None:
    assert says in " ".join(faults(outcome, frozenset({0, 1, 2})))
    assert not faults(FINE, frozenset({2}))
    assert faults(FINE, frozenset({0}))


def test_files_are_watched(tmp_path: Path) -> None:
    """The same commands are at fault if what they write is not expected, or lies elsewhere, or was there before."""
    fit = ["fit", "in.csv", "y ~ x*w", "--epochs", "2", "--no-check", "--save"]

    def found(name: str, more: list[str], **about: object) -> list[str]:
        files = {"in.csv": b"x,y\n1,2\n2,4\n", "old": b"mine"}
        return alone(examine_words, [*fit, *more], files, about, tmp_path / name)

    assert found("a", ["m"], outputs=frozenset({"m"})) == []
    assert found("b", ["m"]) == ["it leaves ['m']"]
    assert found("c", ["../outside/m"]) == ["it touches what is outside of its folder"]
    assert found("d", ["old", "--force"]) == ["it changes ['old']"]
    assert found("e", ["old"]) == []  # refused
    assert found("f", ["m"], outputs=frozenset({"m"}), statuses=frozenset({2})) == ["its status is 0"]
    assert os.listdir(tmp_path / "d" / "work")


@pytest.mark.parametrize("name", LONG)
def test_fifty_megabytes(tmp_path: Path, name: str) -> None:
    """They hung, and took up to 5.7 GB."""
    assert alone(examine_long, name, tmp_path / "case") == []


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/urandom"])
@pytest.mark.parametrize("words", [["fit", "{}", "y ~ w"], ["predict", "{}", "in.csv"], ["proofread", "{}"]])
def test_devices(tmp_path: Path, device: str, words: list[str]) -> None:
    about = {"statuses": frozenset({2})}
    given = [word.format(device) for word in words]
    assert alone(examine_words, given, {"in.csv": b"y\n1\n"}, about, tmp_path / "case") == []
