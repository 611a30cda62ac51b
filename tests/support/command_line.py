"""The command line run in this process, for tests of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from steepest.cli import main as cli


class Said(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Steepest = Callable[..., Said]


@pytest.fixture
def steepest(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Steepest:
    """Runs the entry point in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["steepest", *words])
        with pytest.raises(SystemExit) as end:
            cli.run()
        out, err = capsys.readouterr()
        return Said(int(end.value.code or 0), out, err)

    return call


def table(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)
