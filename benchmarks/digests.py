"""Write what a source tree computes to a file, and compare the files of two versions.

    python benchmarks/digests.py write before.json
    python benchmarks/digests.py compare before.json after.json

Three sections are written, an entry a line: *fits* (digests of the parameters and the course of over a thousand short
descents, with the final cost), *texts* (digests of derivations, papers, exported files and command output; the texts
themselves are stored in ``before.d/``), and *proofs* (the verdict, cause and corrected formula of every equality in
the documents of the tests, and in those that ``--also`` names).

Only public names of the package, its command and the documents of the tree are used, so that the script runs
unchanged before and after modules move. A result does not depend on the number of threads, but the last digits of
the native engine may depend on the processor, which the file names: compare files written on one machine.
"""

from __future__ import annotations

import argparse
import difflib
import fnmatch
import hashlib
import itertools
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SECTIONS = ("fits", "texts", "proofs")
LIBRARIES = ("numpy", "scipy", "llvmlite", "scikit-learn", "polars", "matplotlib", "pygraphviz", "onnx")
WIDEST = 160  # characters of a line of a difference that is printed

Section = dict[str, Any]


def write(file: Path, tree: Path, also: list[Path], only: list[str]) -> None:
    """Compute all entries and write them to a file, with the texts in a folder of the same name.

    Args:
        file: the file to write.
        tree: the source tree whose documents are proof-read.
        also: further documents, or folders of them.
        only: the sections to compute; all if empty.
    """
    # Set before NumPy and the package are imported: one thread for matrix products, no kernels compiled by others.
    os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    os.environ |= {"STEEPEST_CACHE_DIR": "", "COLUMNS": "100", "NO_COLOR": "1"}
    sys.path.insert(0, str(ROOT / "src"))
    import digest_fits
    import digest_texts

    folder = file.with_suffix(".d")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.txt"):
        old.unlink()
    found: dict[str, Section] = {"about": about()}
    makers: dict[str, Callable[[], Iterable[tuple[str, Callable[[], Mapping[str, Any]]]]]] = {
        "fits": digest_fits.fits,
        "texts": lambda: digest_texts.texts(ROOT),
        "proofs": lambda: digest_texts.proofs(tree, also),
    }
    for section in only or SECTIONS:
        begin = time.perf_counter()
        found[section] = entries = {}
        for name, make in makers[section]():
            try:
                made = make()
            except Exception as error:  # recorded, so that the others are still compared
                sys.stderr.write(f"{section}: {name}: {type(error).__name__}: {error}\n")
                made = {"error": type(error).__name__}
            for key, value in keyed(section, name, made).items():
                if key in entries:
                    raise ValueError(f"two entries are called {key!r}")
                entries[key] = stored(folder, key, value) if section == "texts" and "error" not in made else value
        seconds = time.perf_counter() - begin
        sys.stderr.write(f"{section}: {len(entries)} entries in {seconds:.0f} s\n")
    file.write_text(as_lines(found), encoding="utf-8")


def about() -> Section:
    """Return the processor, Python and the versions of the libraries that decide on last digits and texts."""
    found = {"processor": platform.processor() or platform.machine(), "python": platform.python_version()}
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    if model is not None:
        found["processor"] = model[1]
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found


def keyed(section: str, name: str, made: Mapping[str, Any]) -> Section:
    """Return the entries of one computation: a fit is one, a text one for each part, a proof one for each equality."""
    return {name: made} if section == "fits" else {f"{name} | {part}": value for part, value in made.items()}


def stored(folder: Path, key: str, text: str) -> Section:
    """Store a text in the folder and return its digest and the name of its file."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    slug = re.sub(r"[^\w.-]+", "-", key)[:100]
    place = folder / f"{slug}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.txt"
    place.write_text(text, encoding="utf-8")
    return {"sha256": digest, "file": place.name}


def as_lines(found: Mapping[str, Section]) -> str:
    """Return sections as JSON with sorted keys, an entry a line."""
    blocks = []
    for section, entries in sorted(found.items()):
        lines = [f"{encoded(key)}: {encoded(value)}" for key, value in sorted(entries.items())]
        blocks.append(f"{encoded(section)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def encoded(value: Any) -> str:
    """Return a value as JSON in one line."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# -- comparing


def compare(old: Path, new: Path, ignored: list[str], lines: int) -> int:
    """Print the differences of two files, and return their number.

    Args:
        old, new: the files.
        ignored: patterns of keys whose differences are counted but not printed and not returned.
        lines: how many lines of a text's difference to print at most.
    """
    before, after = (json.loads(file.read_text(encoding="utf-8")) for file in (old, new))
    for name in before["about"].keys() | after["about"].keys():
        mine, its = before["about"].get(name), after["about"].get(name)
        if mine != its:
            say(f"note: {name} is {mine} in {old.name} and {its} in {new.name}; last digits and pictures may differ")
    total = 0
    for section in SECTIONS:
        if not (section in before and section in after):
            say(f"{section}: not compared, for a file was written without them")
            continue
        first, second = before[section], after[section]
        changed = [key for key in sorted(first.keys() | second.keys()) if not same(first.get(key), second.get(key))]
        shown = [key for key in changed if not any(fnmatch.fnmatch(key, pattern) for pattern in ignored)]
        equal = len(first.keys() | second.keys()) - len(changed)
        left = f", {len(changed) - len(shown)} differences ignored" if len(shown) < len(changed) else ""
        say(f"{section}: {equal} entries are the same, {len(shown)} differ{left}")
        other = {key.rpartition(" | ")[0] for key in shown if section == "proofs" and key.endswith(" | text")}
        for key in shown:
            document, _, part = key.rpartition(" | ")
            if document in other and part != "text":
                continue  # the document is another one, and places in it tell nothing
            say(f"\n{described(key, first, second, document in other)}")
            if section == "texts" and key in first and key in second:
                say(difference(old, new, first[key], second[key], lines))
        total += len(shown)
    return total


def same(first: Any, second: Any) -> bool:
    """Return whether two values are the same, but for the file in which a text is stored."""
    if isinstance(first, dict) and isinstance(second, dict) and "sha256" in first and "sha256" in second:
        return bool(first["sha256"] == second["sha256"])
    return bool(first == second)


def described(key: str, first: Section, second: Section, other_document: bool) -> str:
    """Return what changed in an entry, in one line for each of its fields."""
    if key not in first or key not in second:
        where = "new" if key in second else "old"
        return f"  only in the {where} file: {key}" + (" (a document)" if other_document else "")
    if other_document:
        return f"  the document changed, so its verdicts are not compared: {key.rpartition(' | ')[0]}"
    mine, its = first[key], second[key]
    if not (isinstance(mine, dict) and isinstance(its, dict)):
        return f"  {key}: {encoded(mine)} → {encoded(its)}"
    if "sha256" in mine and "sha256" in its:
        return f"  {key}"
    fields = [name for name in sorted(mine.keys() | its.keys()) if mine.get(name) != its.get(name)]
    return "\n".join([f"  {key}", *(f"    {field(name, mine.get(name), its.get(name))}" for name in fields)])


def field(name: str, mine: Any, its: Any) -> str:
    """Return how a field of an entry changed; digests are shortened, and costs compared as numbers."""
    short = [value[:12] if isinstance(value, str) and len(value) == 64 else encoded(value) for value in (mine, its)]
    if name != "cost" or mine is None or its is None:
        return f"{name}: {short[0]} → {short[1]}"
    a, b = float(mine), float(its)
    return f"cost: {mine} → {its}, relative difference {abs(b - a) / max(abs(a), 1e-300):.1e}"


def difference(old: Path, new: Path, mine: Mapping[str, Any], its: Mapping[str, Any], most: int) -> str:
    """Return the unified diff of two stored texts, cut to some lines of some characters."""
    places = [file.with_suffix(".d") / str(entry.get("file")) for file, entry in ((old, mine), (new, its))]
    if not all(place.is_file() for place in places):
        return "    (the texts are not stored)"
    first, second = (place.read_text(encoding="utf-8").splitlines() for place in places)
    found = itertools.islice(difflib.unified_diff(first, second, lineterm="", n=1), 2, None)
    return "\n".join(cut(found, most))


def cut(lines: Iterator[str], most: int) -> Iterator[str]:
    """Yield the first lines, shortened, and say how many are left out."""
    for line in itertools.islice(lines, most):
        yield f"    {line[:WIDEST]}" + ("…" if len(line) > WIDEST else "")
    left = sum(1 for _ in lines)
    if left:
        yield f"    … and {left} lines more"


def say(text: str) -> None:
    """Print a text."""
    sys.stdout.write(text + "\n")


def main() -> int:
    """Run the command and return its exit status."""
    reader = argparse.ArgumentParser(description="Write what a source tree computes, and compare two versions.")
    commands = reader.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write", help="compute everything and write it to a file")
    writing.add_argument("file", type=Path)
    writing.add_argument(
        "--tree", type=Path, default=ROOT, help="take the documents to proof-read from this source tree"
    )
    writing.add_argument("--also", type=Path, nargs="+", default=[], help="proof-read these files or folders, too")
    writing.add_argument("--only", choices=SECTIONS, nargs="+", default=[], help="compute these sections")
    comparing = commands.add_parser("compare", help="print the differences of two files; exit 1 if there are any")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    comparing.add_argument("--ignore", nargs="+", default=[], metavar="PATTERN", help="ignore keys, as '* | .md words'")
    comparing.add_argument("--lines", type=int, default=20, help="of a text's difference that are printed at most")
    given = reader.parse_args()
    if given.command == "write":
        write(given.file, given.tree, given.also, given.only)
        return 0
    return 1 if compare(given.old, given.new, given.ignore, given.lines) else 0


if __name__ == "__main__":
    sys.exit(main())
