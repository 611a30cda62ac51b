"""Cases of the fuzzer: each is made from its kind and its seed alone."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from fuzzing.sandbox import Case, Outcome
from fuzzing.values import FORMULAS, NAMES, TEXTS, any_json, damaged, mutated
from model_files import checksum

TABLE = b"x,y,k\n1,2.5,0\n2,4.5,1\n3,6,2\n4,8.5,1\n5,9.5,0\n"
FIT = ("fit", "in.csv", "y ~ x*w + b", "--epochs", "30", "--no-check")
PLAIN = (*FIT, "--optimiser", "gradient-descent")
"""Plain descent: it compiles a kernel, which the cache keeps."""
MODELS: dict[str, tuple[str, ...]] = {
    "line": FIT,
    "ridge": (*FIT, "--l2", "0.1", "--optimiser", "adam", "--validate", "0.4", "--patience", "20"),
    "classes": ("fit", "in.csv", "k", "--layers", "3", "--output", "softmax", "--epochs", "9", "--balanced"),
    "network": ("fit", "in.csv", "y", "--layers", "2,2", "--epochs", "9", "--no-check", "--schedule", "step:3"),
}  # fmt: skip
Bases = dict[str, bytes]


def make_bases(place: Path, run: Callable[[Case, Path], Any]) -> Bases:
    """Make the sound files that cases damage: models, a checkpoint, entries of the cache, Parquet files."""
    bases: Bases = {}
    for name, words in MODELS.items():
        files = {"in.csv": TABLE}
        run(Case([[*words, "--save", "m.safetensors"]], dict(files)), place / name)
        bases[name] = (place / name / "work" / "m.safetensors").read_bytes()
    cached = {"STEEPEST_CACHE_DIR": "FOLDER/cache"}
    run(Case([[*PLAIN, "--checkpoint", "c"]], {"in.csv": TABLE}, variables=cached), place / "kept")
    bases["checkpoint"] = (place / "kept" / "work" / "c").read_bytes()
    for entry in (place / "kept" / "work" / "cache").iterdir():
        bases[f"cache/{entry.name}"] = entry.read_bytes()
    return bases | {f"parquet {path.stem}": path.read_bytes() for path in (place / "parquet").iterdir()}


def write_parquet(folder: Path) -> None:
    """Write Parquet files with columns of many types, in a process of its own, for polars starts threads."""
    import datetime
    from decimal import Decimal

    import polars as pl

    folder.mkdir(parents=True)
    columns: dict[str, Any] = {
        "floats": [1.5, 2.5, 3.0], "whole": [1, 2, 3], "missing": [1.0, None, 3.0], "text": ["1", "a", ""],
        "truth": [True, False, None], "days": [datetime.date(2020, 1, 1)] * 3, "lists": [[1], [2, 3], []],
        "records": [{"a": 1}, {"a": 2}, {"a": None}], "decimals": [Decimal("1.5")] * 3, "nothing": [None] * 3,
        "bytes": [b"\x00", b"\xff", b""], "infinite": [math.inf, math.nan, 1.0], "large": [2**63 - 1, -(2**63), 0],
        "times": [datetime.timedelta(1)] * 3,
    }  # fmt: skip
    for name, values in columns.items():
        pl.DataFrame({"x": values, "y": [1.0, 2.0, 3.0]}).write_parquet(folder / f"{name}.parquet")
    pl.DataFrame({"x": [1.0], "y": [1.0]}).clear().write_parquet(folder / "empty.parquet")
    kinds = pl.DataFrame({"x": ["a", "b", "a"], "y": [1, 2, 3]}).cast({"x": pl.Categorical})
    kinds.write_parquet(folder / "kinds.parquet")
    repeated = pl.select(x=pl.repeat(1.0, 40_000_000), y=pl.repeat(2.0, 40_000_000))
    repeated.write_parquet(folder / "repeated.parquet", row_group_size=40_000_000)


def _forged(rng: Random, content: bytes, key: str) -> bytes:
    """Return a file of tensors with other metadata or tensors, and a right checksum."""
    header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    about, tensors = json.loads(header["__metadata__"][key]), dict(load(content))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        about = mutated(rng, about)
    if rng.random() < 0.2:
        name = rng.choice(sorted(tensors))
        array = tensors[name]
        made = {
            "type": lambda: array.astype(rng.choice(("f4", "i8", "u1", "?"))), "shape": lambda: array.reshape(1, -1),
            "value": lambda: array * rng.choice((math.nan, math.inf, 1e300, 0)), "longer": lambda: array.repeat(3),
            "empty": lambda: array.reshape(-1)[:0],
        }  # fmt: skip
        tensors[name] = np.array(made[rng.choice(sorted(made))](), order="C")
    if rng.random() < 0.1:
        tensors[rng.choice(NAMES)] = tensors.pop(rng.choice(sorted(tensors)))
    text = json.dumps(about)
    if rng.random() < 0.05:
        text = rng.choice(("", "{", "[" * 100_000, "null", text * 2))
    return save(tensors, metadata={key: text, "sha256": checksum(tensors, text)})


def model(rng: Random, bases: Bases) -> Case:
    """A model file that is damaged, or forged with a right checksum."""
    content = bases[rng.choice(sorted(MODELS))]
    is_damaged = rng.random() < 0.25
    made = damaged(rng, content) if is_damaged else _forged(rng, content, "steepest")
    words = rng.choice(
        [["predict", "m.safetensors", "in.csv"], ["predict", "m.safetensors", "in.csv", "--json"]] * 3
        + [["evaluate", "m.safetensors", "in.csv"], ["evaluate", "m.safetensors", "in.csv", "--json"]] * 2
        + [["export", "m.safetensors", "--to", to, "-o", "out"] for to in ("c", "c-train", "numpy", "onnx")]
        + [["paper", "m.safetensors", "in.csv", "-o", "out.md", "--no-compare"]] * 4
        + [["diagram", "m.safetensors"]]
        + [["paper", "m.safetensors", "-o", "out.tex"], ["surface", "m.safetensors", "in.csv", "-o", "out.svg"]]
        + [["plot", "predicted", "m.safetensors", "in.csv", "-o", "out.svg"]]
        + [["graph", "m.safetensors", "--table", "in.csv"]]
    )
    changed = is_damaged and not _same(content, made)
    outputs = frozenset({"out", "out.md", "out.tex", "out.svg"})
    return Case(
        [words], {"m.safetensors": made, "in.csv": TABLE}, frozenset({2}) if changed else frozenset({0, 1, 2}), outputs
    )


def _same(first: bytes, second: bytes) -> bool:
    """Return whether two files hold the same tensors and metadata, perhaps in another spelling."""
    try:
        sizes = [struct.unpack("<Q", each[:8])[0] for each in (first, second)]
        heads = [json.loads(each[8 : 8 + size]) for each, size in zip((first, second), sizes, strict=True)]
        bodies = [each[8 + size :] for each, size in zip((first, second), sizes, strict=True)]
    except (ValueError, struct.error, RecursionError):
        return False
    return bool(heads[0] == heads[1] and bodies[0] == bodies[1])


def checkpoint(rng: Random, bases: Bases) -> Case:
    """A checkpoint that is damaged, or forged with a right checksum."""
    content = bases["checkpoint"]
    if rng.random() < 0.4:
        made = damaged(rng, content)
        statuses = frozenset({0} if _same(content, made) else {2})
    else:
        made, statuses = _forged(rng, content, "steepest checkpoint"), frozenset({0, 1, 2})
    words = [*PLAIN, "--checkpoint", "c", "--resume"]
    return Case([words], {"c": made, "in.csv": TABLE}, statuses, frozenset({"c"}))


def cache(rng: Random, bases: Bases) -> Case:
    """An entry of the cache of kernels that is damaged, linked, or no file at all; kernels are compiled anew."""
    names = [name for name in bases if name.startswith("cache/")]
    files: dict[str, Any] = {name: bases[name] for name in names}
    for name in rng.sample(names, rng.randint(1, len(names))):
        files[name] = rng.choice((
            damaged(rng, bases[name]), b"", bases[rng.choice(names)], rng.randbytes(300), os.mkfifo, Path.mkdir,
            lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to("nowhere"), _socket,
            lambda path, content=bases[name]: (path.write_bytes(content), path.chmod(rng.choice((0, 0o666, 0o777)))),
        ))  # fmt: skip

    def judge(outcomes: list[Outcome], folder: Path) -> str:
        return "" if "ran all 30 epochs" in outcomes[0].out else "it does not fit"

    variables = {"STEEPEST_CACHE_DIR": "FOLDER/cache"}
    return Case([PLAIN], {"in.csv": TABLE, **files}, frozenset({0}), variables=variables, judge=judge)


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket may be only a hundred bytes long
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def table(rng: Random, bases: Bases) -> Case:
    """A CSV that is damaged, strangely written, long, or no file at all."""
    special: tuple[Callable[[Path], Any], ...] = (
        os.mkfifo, Path.mkdir, _socket, lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("in.csv"), lambda path: path.symlink_to("/dev/full"),
        lambda path: path.symlink_to("nowhere"),
    )  # fmt: skip
    content = _strange_table(rng)
    kind = rng.random()
    if kind < 0.03:
        name, files = "in.csv", {"in.csv": rng.choice(special)}
    else:
        name = rng.choice(("in.csv", "in.csv", "in.csv", "in.tsv", "in.txt", "in", "in.parquet", "in.xyz", "-"))
        files = {} if name == "-" else {name: content}
    words = ["fit", name, "y ~ x*w", "--epochs", "3", "--no-check", "--json", *rng.choice(([], [], ["--na", "drop"]))]

    def judge(outcomes: list[Outcome], folder: Path) -> str:
        if outcomes[0].status or len(content) > 100_000:
            return ""
        return _misread(content, json.loads(outcomes[0].out), name.endswith(".tsv"))

    return Case([words], files, stdin=content if name == "-" else b"", judge=judge)


def _misread(content: bytes, found: Any, tabs: bool) -> str:
    """Return what a table that was accepted lacks, by the csv module of Python with each separator."""
    marks = {b"\xff\xfe\0\0": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    known = [encoding for mark, encoding in marks.items() if content.startswith(mark)]
    try:
        text = content.decode(known[0] if known else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252")
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    count = found["rows"] + found["dropped"]
    why = [_lacks(text, mark, count) for mark in ("\t" if tabs else ",;\t|")]
    return "" if "" in why or "#" in text else why[0]


def _lacks(text: str, mark: str, count: int) -> str:
    """Return what a table with a separator and so many rows lacks; rows may end in a separator."""
    rows = list(csv.reader(io.StringIO(text), delimiter=mark, skipinitialspace=True))
    width = len(rows[0]) - (len(rows[0]) > 1 and not rows[0][-1].strip())
    rows = [row for row in rows[1:] if len(row) > 1 or (row and row[0].strip())]
    while rows and count < len(rows) and not any(field.strip() for field in rows[-1]):
        rows.pop()
    if any(len(row) - (len(row) > width and not row[-1].strip()) != width for row in rows):
        return "it accepts rows of other lengths"
    return "" if count == len(rows) else f"it reads {count} rows of {len(rows)}"


def _strange_table(rng: Random) -> bytes:
    kind = rng.randrange(10)
    if kind < 4:
        return damaged(rng, TABLE * rng.choice((1, 1, 40)))
    if kind == 4:
        pieces = b",", b"\n", b" \n", b",\n", b'"', b"1,", b"x,y\n", b"\r", b"\t", b";", b"1", b'""', b"\xff", b"\0"
        piece = rng.choice(pieces)
        size = rng.choice((10, 1000, 100_000, 3_000_000))
        return rng.choice((b"", b"x,y\n", b"x,y\n1,2\n")) + piece * (size // len(piece)) + rng.choice((b"", b"1,2\n"))
    if kind == 5:
        return TABLE.decode().encode(rng.choice(("utf-16", "utf-8-sig", "utf-32", "utf-16-le")))
    if kind == 6:
        return rng.randbytes(rng.choice((1, 10, 1000, 100_000)))
    cells = (
        "1", "2.5", "-3e2", "", "NA", "nan", "inf", "1e400", "abc", '"1"', '"a,b"', '"a\nb"', "'1'", " 4 ", "1,5",
        "0x1", "1_0", "true", "$5", "5%", "2020-01-01", "=1+1", "١", "²", "½", "\u00a05", "1\u2009000", '"', '""', "-",
        "+1", ".5", "5.",
    )  # fmt: skip
    mark = rng.choice((",", ";", "\t", "|"))
    width = rng.randint(1, 4)
    names = ["x", "y", *rng.sample(NAMES, 4)][:width]
    rng.shuffle(names)
    likely = 1.0 if rng.random() < 0.3 else 0.8
    rows = [
        [rng.choice(("1", "2.5", "-3")) if rng.random() < likely else rng.choice(cells) for _ in range(width)]
        for _ in range(rng.choice((0, 1, 5, 50)))
    ]
    text = "\n".join(mark.join(row) for row in [[_quoted(name, mark) for name in names], *rows])
    return (text.replace("\n", rng.choice(("\n", "\r\n", "\r"))) + rng.choice(("", "\n", "\n\n"))).encode()


def _quoted(name: str, mark: str) -> str:
    return '"' + name.replace('"', '""') + '"' if set(name) & {mark, '"', "\n"} else name


def parquet(rng: Random, bases: Bases) -> Case:
    """A Parquet file with a column of another type, or that is damaged."""
    content = bases[rng.choice([name for name in bases if name.startswith("parquet ")])]
    if rng.random() < 0.8:
        content = damaged(rng, content)
    name = rng.choice(("in.parquet", "in.parquet", "in.csv", "-"))
    more = rng.choice(([], ["--na", "drop"], ["--batch", "2"]))
    words = ["fit", name, "y ~ x*w", "--epochs", "3", "--no-check", *more]
    return Case([words], {} if name == "-" else {name: content}, stdin=content if name == "-" else b"")


def names(rng: Random, bases: Bases) -> Case:
    """Names of columns with signs, in every format."""
    chosen = rng.sample(NAMES, rng.randint(1, 4))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*chosen, "y_"])
    for row in range(6):
        writer.writerow([(row * 7 + k * 3) % 5 for k in range(len(chosen))] + [row % 2])
    fit = ["fit", "in.csv", "y_", "--layers", "2", "--epochs", "3", "--no-check", "--save", "m.safetensors", "--force"]
    wish = rng.choice(NAMES)
    paper = f"out.{rng.choice(('tex', 'md', 'html', 'ipynb'))}"
    then = rng.choice((
        ["paper", "m.safetensors", "in.csv", "-o", paper, "--title", wish],
        ["diagram", "m.safetensors", "-o", f"out.{rng.choice(('svg', 'tex', 'png'))}"],
        ["export", "m.safetensors", "--to", rng.choice(("c", "c-train", "numpy", "onnx")), "-o", "out.c"],
        ["predict", "m.safetensors", "in.csv", "--json"], ["evaluate", "m.safetensors", "in.csv"],
        ["plot", "training", "y_", "in.csv", "--layers", "2", "--epochs", "3", "-o", "out.svg", "--title", wish],
        ["graph", f"y_ ~ {wish}*w", "--table", "in.csv", "-o", f"out.{rng.choice(('svg', 'html', 'tex', 'dot'))}"],
        ["fit", "in.csv", f"y_ ~ {wish}*w", "--epochs", "3"], ["derive", f"{wish}*w^2", "--wrt", rng.choice(NAMES)],
        ["surface", f"y_ ~ {wish}*w + b", "in.csv", "-o", "out.svg"], ["ops", wish], ["fit", wish, "y ~ x*w"],
    ))  # fmt: skip
    outputs = frozenset(
        {"m.safetensors", *(f"out.{each}" for each in ("svg", "png", "c", "dot", "html", "tex")), paper}
    )
    return Case([fit, then], {"in.csv": text.getvalue().encode()}, outputs=outputs)


def configuration(rng: Random, bases: Bases) -> Case:
    """A configuration file, found or named, with sections, keys and values of any kind."""
    keys = (
        "epochs", "rate", "save", "checkpoint", "validate", "optimiser", "json", "layers", "start", "force", "config",
        "seed", "na", "batch", "output", "no_unicode", "table", "l2", "help",
    )  # fmt: skip
    sections = "fit", "fit", "fit", "predict", "plot.training", "plot", "x", "fit.x", "", "[fit]"
    lines = []
    for _ in range(rng.randint(1, 3)):
        lines.append(f"[{rng.choice(sections)}]")
        for key in rng.sample(keys, rng.randint(0, 3)):
            few = rng.choice(("3", "-1", '"3"', "[3]", "true", "3.5"))
            value = few if key == "epochs" else json.dumps(any_json(rng))
            lines.append(f"{rng.choice((key, key, key.replace('_', '-'), json.dumps(rng.choice(NAMES))))} = {value}")
    content = "\n".join(lines).encode()
    if rng.random() < 0.2:
        content = rng.choice((damaged(rng, content), b"#" * 2_000_000, b"[" * 50_000, b"a=" + b"[" * 50_000))
    fit = ["fit", "in.csv", "y ~ x*w", "--no-check", "--epochs", "3"]
    words = rng.choice((fit, ["--config", "steepest.toml", *fit], [*fit, "--config", "steepest.toml"]))
    judge = _nothing_written if words is fit else lambda outcomes, folder: ""
    outputs = frozenset(name for name in (*TEXTS, *NAMES, *FORMULAS) if "/" not in name)
    return Case([words], {"in.csv": TABLE, "steepest.toml": content}, outputs=outputs - {"in.csv"}, judge=judge)


def _nothing_written(outcomes: list[Outcome], folder: Path) -> str:
    more = {path.name for path in folder.iterdir()} - {"in.csv", "steepest.toml"}
    return f"a configuration that was found writes {sorted(more)}" if more else ""


def options(rng: Random, bases: Bases) -> Case:
    """Words of any kind for any options of any command."""
    import click

    from steepest.cli.main import main

    command: click.Command = main
    words: list[str] = []
    while isinstance(command, click.Group):
        name = rng.choice([each for each in command.commands if each != "bench"])
        command = command.commands[name]
        words.append(name)
    suffixes = ".svg", ".html", ".tex", ".png", ".md", ".ipynb", "", ".dot", ".gif", ".pdf"
    outputs = [f"out{suffix}" for suffix in suffixes]
    given: list[str] = []
    for param in command.params:
        if isinstance(param, click.Argument):
            given += _argument(rng, param)
        elif param.required or (rng.random() < 0.2 and param.name != "config"):
            value = rng.choice(outputs) if param.name == "output" else _value(rng, param)
            given += [param.opts[-1]] if getattr(param, "is_flag", False) else [param.opts[-1], value]
    files = {"in.csv": TABLE, "m.safetensors": bases["line"], "notes.md": b"$$C = (x-1)^2 = x^2 - 2x + 1$$\n"}
    written = frozenset({*outputs, *TEXTS, "model", "a", "m.c", "m.onnx", "m.py", "m.train.c"}) - {"in.csv"}
    return Case([[*words, *given]], files, outputs=written)


def _argument(rng: Random, param: Any) -> list[str]:
    usual = {
        "table": ["in.csv"], "model": ["m.safetensors", "y ~ x*w + b"], "formula": ["y ~ x*w + b", "w^2", "x*w"],
        "files": ["notes.md"], "names": ["tanh"],
    }  # fmt: skip
    choices = usual.get(str(param.name), ["tanh", "exp"])
    return [rng.choice(choices) if rng.random() < 0.85 else rng.choice((*FORMULAS, *TEXTS, *NAMES))]


def _value(rng: Random, param: Any) -> str:
    choices = getattr(param.type, "choices", None)
    if choices and rng.random() < 0.8:
        return str(rng.choice(list(choices)))
    if param.name in ("epochs", "restarts"):  # many are many, and take their time
        return rng.choice(("0", "1", "5", "20", "-1", "x", "1.5", "", "nan", "²"))
    usual = {
        "start": ["w=1,b=0", "w=1"], "at": ["w=1,b=0,x=1,y=2", "w=1"], "move": ["w=.1"], "wrt": ["w", "x"],
        "over": ["w"],
    }  # fmt: skip
    if rng.random() < 0.4:
        return rng.choice(usual.get(str(param.name), ["3", "0.1"]))
    return rng.choice((*TEXTS, *map(str, (-1, 0, 2, 10**6, 10**9, 10**18, 10**30))))


KINDS: dict[str, Callable[[Random, Bases], Case]] = {
    "model": model, "checkpoint": checkpoint, "cache": cache, "table": table, "parquet": parquet, "names": names,
    "configuration": configuration, "options": options,
}  # fmt: skip


def case_of(kind: str, seed: int, bases: Bases) -> Case:
    """Return the case of a kind and a seed."""
    return KINDS[kind](Random(f"{kind} {seed}"), bases)
