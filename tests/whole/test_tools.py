"""Tests that need a program are skipped without it, but never in CI."""

from __future__ import annotations

import os
import re

import pytest

import tools
from places import ROOT
from tools import PROGRAMS, REQUIRED, missing, needs

CI = (ROOT / ".ci" / "run").read_text("utf-8")


@pytest.mark.skipif(os.environ.get(REQUIRED) != "1", reason=f"{REQUIRED} is not 1")
def test_ci_has_every_program() -> None:
    assert missing(*PROGRAMS) == []


def test_only_outside_ci_is_a_test_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRED, raising=False)
    monkeypatch.setattr(tools.shutil, "which", lambda name: None if name == "lualatex" else f"/usr/bin/{name}")
    assert needs("gcc", "lualatex").args == (True,)
    assert needs("gcc", "lualatex").kwargs == {"reason": "needs lualatex"}
    assert needs("gcc").args == (False,)
    monkeypatch.setenv(REQUIRED, "1")
    assert needs("gcc", "lualatex").args == (False,)


def test_ci_installs_what_it_requires() -> None:
    assert re.search(rf"^export {REQUIRED}=1$", CI, re.MULTILINE)
    assert {"chromium", "texlive-luatex", "poppler-utils", "gcc"} <= set(CI.split())
