"""Temporary files: those of failures and killed processes are deleted, those in use and those of others are not."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from steepest.errors import StorageError
from steepest.storage import files


@pytest.mark.parametrize("function", ["fsync", "replace", "chmod"])
def test_a_failure_in_the_middle_leaves_the_old_file(
    function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"old")

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(StorageError, match="No space left on device; choose another place"):
        files.write_atomically(path, b"new content")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["m.safetensors"]


def test_an_interruption_in_the_middle_leaves_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"old")

    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write_atomically(path, b"new content")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["m.safetensors"]


def abandoned(target: Path) -> Path:
    """Leave a temporary file, as a killed process does."""
    handle, name = tempfile.mkstemp(files._SUFFIX, f".{target.name}.", target.parent)
    os.write(handle, b"half")
    os.close(handle)
    return Path(name)


def test_temporary_files_of_killed_processes_are_deleted(tmp_path: Path) -> None:
    """Those of the same file, and nothing else with such a name."""
    target = tmp_path / "m+.tensors"
    others = [".m+.tensors.part", ".m+.tensors.abc.part", ".m+.tensors.abcdefgh", ".m+.tensors.abcdefgh.part.old",
              "m+.tensors.abcdefgh.part", ".mm.tensors.abcdefgh.part", ".m+.tensors.ABCDEFGH.part"]  # fmt: skip
    for name in others:
        (tmp_path / name).write_bytes(b"of someone else")
    left = [abandoned(target), abandoned(target)]
    files.write_atomically(target, b"new")
    assert not any(path.exists() for path in left)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, target.name])


@pytest.mark.skipif(os.name == "nt", reason="links need rights there, and there are no pipes")
def test_only_files_of_this_user_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"of someone else")
    names = [tmp_path / f".m.{kind}.part" for kind in ("linklink", "pipepipe", "foldered")]
    names[0].symlink_to(other)
    os.mkfifo(names[1])
    names[2].mkdir()
    theirs = abandoned(tmp_path / "m")
    with monkeypatch.context() as patched:
        user = os.geteuid()
        patched.setattr(os, "geteuid", lambda: user + 1)
        files.write_atomically(tmp_path / "m", b"new")
    assert theirs.read_bytes() == b"half"
    files.write_atomically(tmp_path / "m", b"newer")
    assert not theirs.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["m", "other", *(path.name for path in names)])
    assert other.read_bytes() == b"of someone else"


@pytest.mark.parametrize("times", [1, 3])
def test_a_temporary_file_in_use_is_left_alone(times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers of one file, each of which begins while another is in the middle: the last one to finish wins."""
    real, path, begun = os.fsync, tmp_path / "m", [0]

    def fsync(handle: int) -> None:
        begun[0] += 1
        writer = begun[0]
        if writer <= times:
            files.write_atomically(path, b"of writer %d" % writer)
            assert path.read_bytes() == b"of writer %d" % writer
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    files.write_atomically(path, b"of writer 0")
    assert path.read_bytes() == b"of writer 0"
    assert begun[0] == times + 1  # nobody had to write again
    assert [each.name for each in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize(("losses", "moment"), [(1, "chmod"), (9, "replace"), (10, "replace")])
def test_a_temporary_file_that_is_lost_is_written_again(
    losses: int, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer may delete it in the moment when it is not locked."""
    real, lost = getattr(os, moment), [0]

    def lose(temporary: str, *others: Any) -> None:
        if lost[0] < losses:
            lost[0] += 1
            assert files.remove_abandoned(temporary)
        real(temporary, *others)

    path = tmp_path / "m"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, moment, lose)
    if losses < files._TRIES:
        files.write_atomically(path, b"new")
    else:
        with pytest.raises(StorageError, match="other programs delete its temporary file; choose another place"):
            files.write_atomically(path, b"new")
    assert path.read_bytes() == (b"new" if losses < files._TRIES else b"old")
    assert [each.name for each in tmp_path.iterdir()] == ["m"]
