"""Two hundred processes are killed while they write: no file is half written, none is left, and nothing is lost.

A third of the kills come at any moment, the others shortly after a temporary file is created. Those that come before it
is renamed are counted, so that the tests cannot pass without kills within a write.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl
import pytest

import steepest as st
from kill_jobs import Forks
from steepest.engines.native.llvm import cache
from steepest.storage.tensors import read_tensors

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL to send")]

KILLS = 50  # of each kind
HITS = 12  # of them at least within a write; on a free machine there are about 30
EPOCHS = 20
TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.part")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Killer:
    """Kill processes at random moments, and count.

    A third of them within ``longest`` of their start, the others within 0.008 of the start of a write, in seconds.
    """

    def __init__(self, forks: Forks, longest: float, seed: str) -> None:
        self.forks, self.longest, self.random = forks, longest, Random(seed)
        self.kills = self.hits = 0

    def kill(self, process: int) -> None:
        """Kill a process at a random moment, unless it ends before."""
        if self.random.random() < 2 / 3:
            end = time.monotonic() + 2 * self.longest
            while time.monotonic() < end and not self.forks.is_writing(process):
                time.sleep(0.0005)
            time.sleep(self.random.uniform(0, 0.008))
        else:
            time.sleep(self.random.uniform(0, self.longest))
        os.kill(process, signal.SIGKILL)
        if self.forks.wait(process):
            self.kills += 1
            self.hits += self.forks.is_writing(process)

    def check(self, kind: str, least: int = KILLS) -> None:
        sys.stdout.write(f"{kind}: {self.kills} kills, {self.hits} within a write\n")
        assert self.kills >= least
        assert self.hits >= least * HITS // KILLS


@pytest.fixture
def forks(tmp_path: Path) -> Iterator[Forks]:
    made = Forks(tmp_path / "log", tmp_path / "kernels")
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


# -- models --------------------------------------------------------------------------------------------------------


@pytest.fixture
def contents(forks: Forks, tmp_path: Path) -> list[str]:
    """The digests of the two models that are saved."""
    for version in (0, 1):
        forks.run("save", tmp_path / f"model {version}", version, 1)
    return [digest((tmp_path / f"model {version}").read_bytes()) for version in (0, 1)]


def check_model(path: Path, contents: list[str]) -> None:
    assert digest(path.read_bytes()) in contents
    assert st.load(path).params["v"].shape


def test_killed_while_a_model_is_saved_for_the_first_time(forks: Forks, folder: Path, contents: list[str]) -> None:
    path, killer = folder / "m", Killer(forks, 0.15, "first")
    while killer.kills < KILLS // 2:
        killer.kill(forks.start("save", path, 0, 1))
        assert all(name == "m" or TEMPORARY.fullmatch(name) for name in names(folder))
        if path.exists():
            check_model(path, contents[:1])
        forks.run("save", path, 0, 1)
        assert names(folder) == ["m"]
        check_model(path, contents[:1])
        path.unlink()
    killer.check("first write of a model", KILLS // 2)


def test_killed_while_two_processes_replace_a_model(forks: Forks, folder: Path, contents: list[str]) -> None:
    """One of them is killed; the other continues, and its model is there at the end."""
    path, killer = folder / "m", Killer(forks, 0.25, "replaced")
    forks.run("save", path, 0, 1)
    for turn in range(KILLS // 2):
        killed, other = forks.start("save", path, turn % 2, 1000), forks.start("save", path, turn % 2, 3)
        killer.kill(killed)
        check_model(path, contents)
        assert not forks.wait(other)
        check_model(path, contents)
        forks.run("save", path, 1 - turn % 2, 1)
        assert names(folder) == ["m"]
        check_model(path, contents[1 - turn % 2 :][:1])
    killer.check("replacing a model", KILLS // 2)


# -- descents ------------------------------------------------------------------------------------------------------


def words(table: Path) -> list[str]:
    settings = {"layers": 12_000, "optimiser": "adam", "rate": 0.001, "batch": 8, "epochs": EPOCHS, "checkpoint": "c",
                "checkpoint-every": 1, "save": "m"}  # fmt: skip
    given = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    return ["fit", str(table), "y", *given, "--resume", "--no-check", "--no-plot"]


@pytest.mark.parametrize("kind", ["csv", "parquet in parts"])
def test_killed_descents_continue(kind: str, forks: Forks, folder: Path, tmp_path: Path) -> None:
    """Checkpoints, model and costs, which both contain, are those of an uninterrupted descent, byte by byte."""
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {name: rng.normal(size=64) for name in "abcy"}
    table, known, part = tmp_path / f"table.{kind.split()[0]}", tmp_path / "known", 8 * 4 * 16 * (kind != "csv")
    pl.DataFrame(columns).write_csv(table) if kind == "csv" else pl.DataFrame(columns).write_parquet(table)
    said = forks.run("fit", folder, words(table), part, known)
    assert "no checkpoint was found" in said
    wanted = {name: (folder / name).read_bytes() for name in names(folder)}
    assert sorted(wanted) == ["c", "m"]
    checkpoints, resumed = known.read_text().split()[:-1], 0
    assert len(set(checkpoints)) == EPOCHS
    killer = Killer(forks, 0.6, kind)
    while killer.kills < KILLS:
        for name in names(folder):
            (folder / name).unlink()
        for _ in range(min(killer.random.randint(4, 12), KILLS - killer.kills)):
            killer.kill(forks.start("fit", folder, words(table), part, ""))
            check_descent(folder, checkpoints, wanted["m"])
        said = forks.run("fit", folder, words(table), part, "")
        resumed += "resumed from epoch" in said
        assert "warning" not in said
        assert {name: (folder / name).read_bytes() for name in names(folder)} == wanted
    (folder / "m").unlink()  # as if killed between the last checkpoint and the model
    assert f"resumed from epoch {EPOCHS}" in forks.run("fit", folder, words(table), part, "")
    assert {name: (folder / name).read_bytes() for name in names(folder)} == wanted
    killer.check(kind)
    assert resumed >= 3


def check_descent(folder: Path, checkpoints: list[str], model: bytes) -> None:
    """Every file is absent, or one of an uninterrupted descent."""
    assert all(name in ("c", "m") or TEMPORARY.fullmatch(name) for name in names(folder))
    if (folder / "c").exists():
        assert digest((folder / "c").read_bytes()) in checkpoints
        read_tensors(folder / "c", "steepest checkpoint", "checkpoint")
    if (folder / "m").exists():
        assert (folder / "m").read_bytes() == model


# -- kernels -------------------------------------------------------------------------------------------------------


def test_killed_while_three_processes_write_the_same_kernels(forks: Forks, tmp_path: Path) -> None:
    """Every entry is complete; the next process writes what is missing and deletes what the killed ones left."""
    place, many = tmp_path / "kernels", 10
    forks.run("kernels", 1, many + 2)
    wanted = {path.name: digest(path.read_bytes()) for path in place.iterdir()}
    assert len(wanted) == many + 1
    killer = Killer(forks, 0.5, "kernels")
    while killer.kills < KILLS:
        for path in place.iterdir():
            path.unlink()
        started = [forks.start("kernels", 1, many + 1) for _ in range(3)]
        killed = killer.random.randint(2, 3)
        for process in started[:killed]:
            killer.kill(process)
            check_kernels(place, wanted)
        for process in started[killed:]:
            forks.wait(process)
        check_kernels(place, wanted)
        assert forks.run("kernels", 1, many + 2) == ""  # without a warning
        assert {path.name: digest(path.read_bytes()) for path in place.iterdir()} == wanted
    killer.check("kernels")


def check_kernels(place: Path, wanted: dict[str, str]) -> None:
    for path in place.iterdir():
        if TEMPORARY.fullmatch(path.name):
            continue
        content = path.read_bytes()
        assert digest(content) == wanted[path.name]
        assert cache._unpacked(content) is not None
