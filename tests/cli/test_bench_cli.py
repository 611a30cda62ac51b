"""The command ``steepest bench``: what it prints where."""

from __future__ import annotations

import pytest

from command_line import Steepest, steepest

__all__ = ["steepest"]

QUICK = ("bench", "--quick", "--rounds", "1", "--epochs", "500", "--peer", "python")


def test_it_prints_two_tables(steepest: Steepest) -> None:
    said = steepest(*QUICK)
    assert said.status == 0
    assert len([line for line in said.out.splitlines() if line.startswith("  Python ")]) == 3
    for word in ("ns/epoch", "/ native", "fixed s", "final cost", "FD / of GD", "3.29", "4.00"):
        assert word in said.out
    assert said.err.startswith("note: GD is gradient descent, FD forward finite differences: four costs per epoch\n")


def test_json_parses(steepest: Steepest) -> None:
    said = steepest(*QUICK, "--json")
    rows = [row for row in said.json["results"] if row["peer"] == "python"]
    assert [(row["method"], row["epochs"]) for row in rows] == [("GD", 500), ("FD", 500)]
    assert all(row["fixed_seconds"] > 0 and row["fewer_epochs"] is False for row in rows)
    assert said.json["differences_by_gradient"]["measured"]["python"] > 0


def test_peers_that_are_left_out_are_named_on_standard_error(
    steepest: Steepest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "false")
    said = steepest(*QUICK, "--peer", "c")
    assert said.status == 0
    assert "note: left out: c, GD: the compiler 'false' ended with status 1\n" in said.err
    assert "left out" not in said.out


def test_bad_usage_is_one_sentence(steepest: Steepest) -> None:
    for words in (("--peer", "pythn"), ("--epochs", "0"), ("--rounds", "-1")):
        said = steepest("bench", *words)
        assert (said.status, said.out) == (2, "")
        assert said.err.count("\n") == 1
        assert said.err.startswith("steepest: ")
