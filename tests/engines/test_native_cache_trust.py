"""Whose code is run: kernels are taken from entries and directories that only this user can write, and link."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernel_cache import entries, small
from steepest.engines.native.llvm import cache, kernel
from steepest.engines.native.llvm.host import compile_module, this_host
from steepest.errors import CacheWarning


def test_an_entry_that_is_whole_but_not_usable_is_compiled_again(place: Path, compiled: list[str]) -> None:
    """The digest fits, as anybody can make it, but no JSON, no object file or no such function is behind it."""
    small()
    ((name, data),) = entries(place).items()
    sound = cache._unpacked(data)
    assert sound is not None

    def packed(about: bytes, code: bytes = sound.code) -> bytes:
        body = len(about).to_bytes(4, "little") + about + code
        return cache._MAGIC + hashlib.sha256(body).digest() + body

    about = json.dumps({"scratch": sound.scratch, "partials": sound.partials}).encode()
    assert cache._unpacked(packed(about)) == sound
    other = _object("define void @other() {\n ret void\n}")
    forged = {
        "no JSON": packed(b"{"), "another kind": packed(b"[]"), "no number": packed(b'{"scratch": "8", "partials": 0}'),
        "lacks keys": packed(b'{"scratch": 0}'), "negative": packed(b'{"scratch": -1, "partials": 0}'),
        "true": packed(b'{"scratch": true, "partials": 0}'), "deep": packed(b"[" * 100_000),
        "huge": packed(b'{"scratch": 0, "partials": 100000000000000000}'),
        "infinite": packed(b'{"scratch": 1e999, "partials": 0}'), "no code": packed(about, b""),
        "text": packed(about, b"#!/bin/sh\necho no\n"), "noise": packed(about, random.Random(0).randbytes(4000)),
        "half an object": packed(about, sound.code[: len(sound.code) // 2]), "another function": packed(about, other),
    }  # fmt: skip
    for kind, content in forged.items():
        (place / name).write_bytes(content)
        kernel._compiled.clear()
        before = len(compiled)
        small()
        assert len(compiled) == before + 1, kind
        assert cache._unpacked((place / name).read_bytes()) == sound, kind


def _object(text: str) -> bytes:
    return compile_module(text, this_host())


# -- entries and folders of others ---------------------------------------------------------------------------------


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warn of a directory again that an earlier test has used."""
    monkeypatch.setattr(cache, "_warned", set())


def planted(place: Path) -> tuple[str, bytes]:
    """Put a whole entry into the directory, which would be found; return its name and content."""
    small()
    kernel._compiled.clear()
    ((name, data),) = entries(place).items()
    return name, data


POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows states neither owner nor mode")


@POSIX
@pytest.mark.usefixtures("warned")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o1777])
def test_a_directory_that_others_can_write_is_not_used(place: Path, compiled: list[str], mode: int) -> None:
    _, data = planted(place)
    place.chmod(mode)
    with pytest.warns(CacheWarning, match="is writable by others: code in it would run as you"):
        small()
    assert len(compiled) == 2  # neither read, although it is whole
    assert list(entries(place).values()) == [data]  # nor written
    kernel._compiled.clear()
    small()  # the warning is given once
    assert len(compiled) == 3
    place.chmod(0o700)
    kernel._compiled.clear()
    small()
    assert len(compiled) == 3


@POSIX
@pytest.mark.usefixtures("warned")
def test_a_directory_of_another_user_is_not_used(
    place: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(place)
    if os.geteuid() == 0:
        os.chown(place, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.warns(CacheWarning, match="belongs to another user"):
        small()
    assert len(compiled) == 2


@POSIX
@pytest.mark.usefixtures("warned")
def test_a_linked_directory_is_not_used(place: Path, compiled: list[str], tmp_path: Path) -> None:
    planted(place)
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(CacheWarning, match="because it is a link"):
        small()
    assert len(compiled) == 2
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


@POSIX
@pytest.mark.parametrize(
    "kind", ["group writes", "all write", "link", "link to nothing", "pipe", "directory", "socket"]
)
def test_an_entry_that_others_could_have_written_is_compiled_again(
    kind: str, place: Path, compiled: list[str], tmp_path: Path
) -> None:
    name, data = planted(place)
    entry, other = place / name, tmp_path / "other"
    if kind == "group writes":
        entry.chmod(0o620)
    elif kind == "all write":
        entry.chmod(0o666)
    else:
        entry.unlink()
    if kind == "link":
        other.write_bytes(data)
        entry.symlink_to(other)
    elif kind == "link to nothing":
        entry.symlink_to(other)
    elif kind == "pipe":
        os.mkfifo(entry)
    elif kind == "directory":
        entry.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(place):
            made.bind(name)
    begin = time.monotonic()
    small()
    assert time.monotonic() - begin < 5  # a pipe is not waited for
    assert len(compiled) == 2
    if kind != "directory":  # in whose place nothing is written
        assert (entry.is_symlink(), entry.read_bytes()) == (False, data)
        assert entry.stat().st_mode & 0o777 == 0o600
    if kind == "link":
        assert other.read_bytes() == data
    assert other.exists() == (kind == "link")


@POSIX
def test_a_device_in_place_of_an_entry_is_not_read(place: Path, compiled: list[str]) -> None:
    name, _ = planted(place)
    (place / name).unlink()
    try:
        os.mknod(place / name, 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero, which never ends
    except PermissionError:
        pytest.skip("only the administrator can make a device")
    small()
    assert len(compiled) == 2


@POSIX
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only the administrator can give files away")
def test_an_entry_of_another_user_is_compiled_again(place: Path, compiled: list[str]) -> None:
    name, _ = planted(place)
    os.chown(place / name, 12345, -1)
    small()
    assert len(compiled) == 2
    assert (place / name).stat().st_uid == 0


@POSIX
def test_the_command_line_prints_the_warning(tmp_path: Path) -> None:
    place = tmp_path / "kernels"
    place.mkdir()
    place.chmod(0o777)
    script = Path(sys.executable).with_name("steepest")
    environment = {**os.environ, "STEEPEST_CACHE_DIR": str(place)}
    run = subprocess.run([script, "fit", "nand", "--epochs", "2"], env=environment, capture_output=True, text=True)
    assert run.returncode == 0
    assert run.stderr.count("warning: compiled kernels are neither read from") == 1
    assert "set STEEPEST_CACHE_DIR to a directory that only you can write" in run.stderr
    assert list(place.iterdir()) == []
