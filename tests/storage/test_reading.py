"""Files are read within bounds of size and time."""

from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path

import pytest

from steepest.errors import StorageError, TableError
from steepest.storage import reading
from steepest.storage.reading import UnreadableFileError, read_blocks, read_file
from steepest.storage.tensors import load
from steepest.tables.table import open_table

posix = pytest.mark.skipif(os.name == "nt", reason="devices and pipes have no path there")


@posix
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/urandom"])
def test_a_device_is_refused(device: str) -> None:
    with pytest.raises(UnreadableFileError, match="it is a device, which has no end; name a file"):
        read_file(device)
    with pytest.raises(TableError, match=f"{device}: it cannot be read .it is a device"):
        open_table(device)
    with pytest.raises(StorageError, match="it is not a regular file"):
        load(device)


@posix
def test_the_null_device_is_an_empty_file() -> None:
    assert read_file(os.devnull) == b""
    with pytest.raises(TableError, match="it is empty"):
        open_table(os.devnull)


@posix
@pytest.mark.parametrize("name", ["t", "t.csv", "t.parquet"])
def test_a_pipe_without_a_writer_is_not_awaited_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(reading, "_WAIT", 0.1)
    os.mkfifo(tmp_path / name)
    with pytest.raises(TableError, match=r"it is a pipe that nobody writes to\); start its writer, or name a file"):
        open_table(tmp_path / name)
    with pytest.raises(StorageError, match="it is not a regular file"):
        load(tmp_path / name)


@posix
@pytest.mark.parametrize(("before", "between"), [(0.2, 0.0), (0.0, 0.5), (0.0, 0.0)])
def test_a_pipe_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: float, between: float
) -> None:
    """Whoever writes may begin late, and pause for longer than a pipe without a writer is awaited."""
    monkeypatch.setattr(reading, "_WAIT", 0.4)
    os.mkfifo(tmp_path / "t")

    def write() -> None:
        time.sleep(before)
        with open(tmp_path / "t", "wb", buffering=0) as pipe:
            time.sleep(between)
            pipe.write(b"x\n1\n")
            time.sleep(between)
            pipe.write(b"2\n")

    writer = threading.Thread(target=write)
    writer.start()
    assert open_table(tmp_path / "t").select(["x"]).arrays["x"].tolist() == [1.0, 2.0]
    writer.join()


@posix
def test_a_pipe_may_be_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t")
    writer = threading.Thread(target=lambda: open(tmp_path / "t", "wb").close())
    writer.start()
    assert read_file(tmp_path / "t") == b""
    writer.join()


def test_what_has_no_end_is_not_read_to_it(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"y\n" * 1000)
    with pytest.raises(UnreadableFileError, match="it has more than 0 MB; name a smaller one"):
        read_file(tmp_path / "t", most=1999)
    assert len(read_file(tmp_path / "t", most=2000)) == 2000
    calls = 0

    def endless(size: int) -> bytes:
        nonlocal calls
        calls += 1
        return b"y\n" * (size // 2)

    with pytest.raises(UnreadableFileError, match="it has more than 42 MB; take less"):
        read_blocks(endless, 42_000_000, "take less")
    assert calls == 11


def test_binary_content_ends_after_a_block_unless_it_is_parquet() -> None:
    stream = io.BytesIO(bytes(1 << 24))
    assert len(read_blocks(stream.read)) == stream.tell() == 1 << 22
    parquet = b"PAR1" + bytes(1 << 24)
    assert read_blocks(io.BytesIO(parquet).read) == parquet
