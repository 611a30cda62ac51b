"""Control characters of files and words never reach a terminal: they are printed as Python writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import steepest as st
from command_line import Steepest, steepest
from processes import on_a_terminal, pty_only
from steepest.messages.sentences import visible, visible_json

__all__ = ["steepest"]

RED, LINK, TURN = "\x1b[31m", "\x1b]8;;http://x\x07", "\u202e"
HOSTILE = (RED, "\x1b]", "\x07", TURN, "\x9b")  # the bar of a fit moves the cursor itself


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables, documents, a model and a configuration with control characters in names, cells and texts."""
    place = tmp_path_factory.mktemp("terminals")
    (place / "names.csv").write_text(f"x,y{RED}red,z{TURN}{LINK}\n1,2,3\n2,4,5\n")
    (place / "cells.csv").write_text(f"x,y\n1,{RED}\n2,\x9b31m\n")
    (place / f"a{RED}b.csv").write_text("x,y\n1,2\n2,4\n")
    (place / "notes.md").write_text(
        f"# {RED}T{LINK}\n\n$f(x)=x^2$ {TURN} $f'(x)=3x{RED}$ $a{TURN}b = c$ $f'(x) = 3x$\n"
    )
    (place / "esc.toml").write_text('[fit]\nrate = "fast\\u001b[31m"\n')
    st.Model("y ~ x*w").fit("twice", epochs=5).save(place / "m.safetensors")
    return place


@pty_only
@pytest.mark.parametrize(
    "words",
    [
        ["fit", "names.csv", "y ~ x*w"],
        ["fit", "names.csv", "x ~ q*w", "--epochs", "2"],
        ["fit", "names.csv", "x", "--layers", "2", "--epochs", "2"],
        ["fit", "cells.csv", "y ~ x*w"],
        ["fit", f"a{RED}b.csv", "y ~ x*w", "--epochs", "2", "--save", f"q{RED}.safetensors"],
        ["fit", f"no{RED}.csv", "y ~ x*w"],
        ["fit", "nand", "--config", "esc.toml"],
        ["fit", "nand", "--config", f"{RED}.toml"],
        ["fit", "nand", f"--ra{RED}te", "1"],
        ["fit", "nand", "--optimiser", RED],
        ["evaluate", f"{RED}m", "names.csv"],
        ["predict", "m.safetensors", "names.csv"],
        ["proofread", "notes.md"],
        ["proofread", "notes.md", "--json"],
        ["proofread", "notes.md", "--format", "sarif"],
        ["derive", f"x^2{RED}", "--wrt", "x"],
        ["surface", "x^2", "-o", f"s{RED}.svg"],
        ["export", "m.safetensors", "--to", f"{LINK}"],
        [f"fi{RED}t"],
    ],
    ids=lambda words: ascii(" ".join(words))[1:40],
)
def test_a_terminal_gets_no_control_characters(words: list[str], folder: Path) -> None:
    _, out, err = on_a_terminal(words, folder=folder, NO_COLOR="1")
    said = out + err
    assert said.strip()
    assert not [sign for sign in HOSTILE if sign in said], said


def test_json_holds_them_as_escapes(steepest: Steepest, folder: Path) -> None:
    said = steepest("proofread", str(folder / "notes.md"), "--json")
    assert not [sign for sign in HOSTILE if sign in said.out]
    sources = [finding["source"] for finding in json.loads(said.out)]
    assert f"a{TURN}b = c" in sources  # which JSON reads back as it stood in the file


def test_every_control_character_is_visible() -> None:
    every = "".join(map(chr, range(0x2100)))
    for text in (visible(every), visible_json(every)):
        left = [sign for sign in text if not sign.isprintable() and sign not in "\n\t"]
        # Spaces, soft hyphens and joiners are not printable to Python, but move and reorder nothing.
        assert all(ord(sign) >= 0xA0 and ord(sign) not in range(0x2028, 0x202F) for sign in left)
    assert json.loads(visible_json('"\x7f\x9b\u202e"')) == "\x7f\x9b\u202e"
    assert visible("naïve σ·∂C/∂w\n\tb") == "naïve σ·∂C/∂w\n\tb"
