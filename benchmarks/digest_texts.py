"""Define the texts that ``digests.py`` records: derivations, papers, exports, command output, and verdicts.

A text is recorded in parts, so that rewording a sentence changes one part and a changed formula another. Numbers that
are times are replaced by a placeholder.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import importlib
import io
import itertools
import json
import os
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import steepest as st

Parts = dict[str, str]
Entry = tuple[str, Callable[[], Parts]]
"""The name of a text, and the function that returns its parts."""
Verdicts = dict[str, Any]

LEVELS = ("terse", "textbook", "full")
SUFFIXES = (".tex", ".html", ".md", ".ipynb")
FORMULAS = {
    "polynomial": "3*x^4 - 2*x^2 + x - 5", "quotient": "(x^2 + 1)/(x - 2)", "product": "x^2*exp(-x)*sin(x)",
    "powers": "x^k + k^x", "roots": "sqrt(1 + x^2) + 1/sqrt(x)", "logarithms": "log(1 + x^2) + log1p(x) + expm1(x)",
    "trigonometry": "sin(cos(x))*cos(x)", "activations": "tanh(x)*sigmoid(x) + softplus(x)",
    "kinks": "abs(x) + relu(x) + leaky_relu(x) + max(x, k) + min(x, k)", "branches": "where(x > k, x^2, k*x)",
    "parts": "q = x + k; r = q*x; sigmoid(r)^2", "gate": "(x + y)*z", "nested": "exp(sin(exp(x*k)))",
    "line": "mean((x*w + b - y)^2)", "total": "total(w*x^2)/count()", "variance": "mean((x*w - mean(x*w))^2)",
    "deep": "mean((sigmoid(tanh(x*w + b)*v + c) - y)^2)", "decay": "mean((a*exp(-k*x) + b - y)^2) + k^2",
}  # fmt: skip
OPTIMISERS = (None, "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw", "lion")
COSTS = ("mse", "mae", "huber", "cross_entropy", "poisson", "(prediction - target)^4")

_XOR = {"X": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0]}
_CHAIN = {"x": [0.2, -0.4, 1, 0.7], "y": [0.3, 0.6, 0.9, 0.1]}
_START = {"w1": 0.8, "b1": 0.1, "w2": -1.2, "b2": 0.2, "w3": 1.5, "b3": -0.3}


def _digits() -> dict[str, Any]:
    rows = np.random.default_rng(0)
    return {"X": rows.integers(0, 17, (90, 64)) / 16, "y": np.arange(90) % 10}


Built = tuple[Callable[[], st.Model], Any, dict[str, Any]]
MODELS: Mapping[str, Built] = {
    "linear": (st.models.linear, "twice", {"start": {"w": 0.0}, "rate": 0.05, "epochs": 20}),
    "neuron": (st.models.neuron, "nand", {"start": {"w1": 0.3, "w2": 0.6, "b": 0.1}, "epochs": 50}),
    "chain of 2": (lambda: st.models.chain(2), _CHAIN, {"rate": 0.5, "epochs": 50}),
    "chain of 3": (lambda: st.models.chain(3), _CHAIN, {"start": _START, "rate": 0.5, "epochs": 50}),
    "network 2-2-1": (lambda: st.models.network([2, 2, 1], "sigmoid", cost="mse"), _XOR, {"rate": 1.0, "epochs": 50}),
    "network 64-32-10": (lambda: st.models.network([64, 32, 10], output="softmax"), _digits(),
                         {"optimiser": "adam", "rate": 0.01, "batch": 32, "epochs": 2}),
}  # fmt: skip
"""The models of ``docs/papers.py`` with a table and the settings of a short training."""


# -- parts of a text

_TIME = re.compile(r'\d[\d.]*(?:e-\d+)? (?:ns|µs|\\ensuremath\{\\mu\}s|ms|s)\b|(?<="seconds": )[\d.e-]+')
_PATTERNS: Mapping[str, Mapping[str, str]] = {
    ".tex": {
        "formulas": r"\\begin\{(alignat|align)\*?\}.*?\\end\{\1\*?\}",
        "figures": r"\\begin\{tikzpicture\}.*?\\end\{tikzpicture\}",
        "tables": r"(?m)^[^\n]*&[^\n]*\d[^\n]*\\\\$",
    },
    ".html": {
        "figures": r"<svg\b.*?</svg>", "tables": r"<td\b.*?</td>", "formulas": r'<math display="block".*?</math>',
    },
    ".md": {
        "figures": r"data:image/svg\+xml;base64,[^\"]+", "formulas": r"\$\$.*?\$\$",
        "tables": r"(?m)^\|[^\n]*\d[^\n]*\|$",
    },
}  # fmt: skip
_RULE = re.compile(r"\s*(?:&\\qquad&|&&)[^\n]*|\\label\{[^}]*\}|\s*\\tag\{\d+\}")
_SAID = re.compile(r'(?s)<(title|desc)\b.*?</\1>| aria-label="[^"]*"|(?m:^%[^\n]*$)')


def timeless(text: str) -> str:
    """Replace times by a placeholder."""
    return _TIME.sub("<time>", text)


def parted(text: str, suffix: str) -> Parts:
    """Split a document into formulas, figures, tables and words."""
    found: Parts = {}
    if suffix == ".ipynb":
        notebook = json.loads(text)
        text = "\n\n".join("".join(cell.pop("source")) for cell in notebook["cells"])
        found["notebook"], suffix = json.dumps(notebook, indent=1), ".md"
    for part, pattern in _PATTERNS[suffix].items():
        taken = [match[0] for match in re.finditer(pattern, text, re.DOTALL)]
        text = re.sub(pattern, f"<{part}>", text, flags=re.DOTALL)
        if part == "figures":
            taken = [_SAID.sub("", _decoded(each)) for each in taken]
        elif part == "formulas":
            taken = [_RULE.sub("", each) for each in taken]
        found[part] = "\n".join(taken)
    return found | {"words": timeless(text)}


def _decoded(figure: str) -> str:
    head, _, content = figure.partition(";base64,")
    return base64.b64decode(content).decode() if head.startswith("data:") else figure


def code_parts(content: bytes, suffix: str) -> Parts:
    """Split an exported file into the code alone and all of its text."""
    if suffix == ".onnx":
        import onnx

        model = onnx.load_from_string(content)
        return {"code": onnx.printer.to_text(model.graph), "file": onnx.printer.to_text(model)}
    text = content.decode()
    if suffix == ".c":
        return {"code": re.sub(r"(?s)/\*.*?\*/", "", text), "file": text}
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return {"code": ast.unparse(tree), "file": text}


# -- texts


def derivations() -> Iterator[Entry]:
    """Derive formulas and the costs of models, at every level and in every notation."""
    for (name, text), level in itertools.product(FORMULAS.items(), LEVELS):
        expression = st.parse(text, data=["x", "y"] if re.search("mean|total", text) else [])
        for wrt in expression.parameters:
            yield f"{name} by {wrt}, {level}", partial(derived, st.derive, expression, wrt, level)
    models = {name: make() for name, (make, _, _) in MODELS.items() if "network" not in name}
    models |= {f"cost {cost}": st.Model("y ~ sigmoid(x*w + b)", cost, data=["x", "y"]) for cost in COSTS}
    models["penalties"] = st.Model("y ~ x*w + b", data=["x", "y", "v"], weights="v", l1=0.1, l2=0.5)
    for (name, model), level in itertools.product(models.items(), LEVELS):
        for wrt in model.cost.parameters:
            yield f"{name} by {wrt}, {level}", partial(derived, model.derive, wrt, level)


def derived(derive: Callable[..., st.Derivation], *subject: Any) -> Parts:
    """Return a derivation in every notation, the formulas also without the names of the rules."""
    found = derive(*subject)
    latex = found.latex()
    return {
        "formulas": f"{_RULE.sub('', latex)}\n{found.result}", "latex": latex, "text": found.text(),
        "plain": found.text(plain=True), "markdown": found.markdown(),
    }  # fmt: skip


def layered() -> Iterator[Entry]:
    """Derive models of layers by indices, in vectors and in matrices."""
    others: dict[str, Callable[[], st.Model]] = {
        "network 3-4-2": lambda: st.models.network([3, 4, 2], "relu", "linear"),
        "network 2-3-3-1": lambda: st.models.network([2, 3, 3, 1], ["sin", "softplus"], l2=0.1),
        "network 2-2-2-2-2-1": lambda: st.models.network([2, 2, 2, 2, 2, 1]),
        "chain of 5": lambda: st.models.chain(5, "tanh", "huber"),
    }

    made = {name: make for name, (make, _, _) in MODELS.items() if name not in ("linear", "neuron")} | others
    for (name, make), symbolic in itertools.product(made.items(), (None, False, True)):
        yield f"layers of {name}, symbolic {symbolic}", partial(layers, make, symbolic)


def layers(make: Callable[[], st.Model], symbolic: bool | None) -> Parts:
    """Derive a model of layers, and count the equations of each form."""
    found = make().derivation(symbolic)
    latex = found.latex()
    formulas = re.findall(r"(?s)\\begin\{align\*\}.*?\\end\{align\*\}", _RULE.sub("", latex))
    counts = {name: each.equations for name, each in found.verify(points=1).items()}
    return {"formulas": "\n".join(formulas), "latex": latex, "text": str(found), "equations": json.dumps(counts)}


def papers() -> Iterator[Entry]:
    """Write the paper of each model in every format, without the comparison of times; of some without a table."""
    for name, (make, table, settings) in MODELS.items():
        yield f"paper of {name}", partial(paper, make, table, settings)
    make, table, settings = MODELS["chain of 3"]
    yield "paper of chain of m", partial(paper, make, table, {**settings, "symbolic": True})
    vectors: dict[str, Any] = {"data": {"X": 3, "x": (), "y": ()}, "params": {"v": 3, "c": 3, "u": 3}}
    written = {
        "node by node": partial(st.Model, "y ~ sum(tanh(X*v + c)*u) + k*x", **vectors),
        "node by node, mean": partial(st.Model, "y ~ sum((X - mean(X))*v)*sum(u*c)", **vectors),
        "decay": partial(st.Model, "y ~ a*exp(-k*x) + c", "huber", data=["x", "y"]),
        "costs of layers": partial(st.models.network, [3, 4, 2], "relu", "linear", "mae", l1=0.1),
    }
    for name, model in written.items():
        yield f"paper without a table, {name}", partial(paper, model, None, {})


def paper(make: Callable[[], st.Model], table: Any, settings: dict[str, Any]) -> Parts:
    """Write a paper in every format, and split each into its parts."""
    written = make().paper(table, compare=False, **settings)
    parts = {suffix: parted(written.text(suffix), suffix) for suffix in SUFFIXES}
    return {f"{suffix} {part}": text for suffix, found in parts.items() for part, text in found.items()}


def exports() -> Iterator[Entry]:
    """Export each model in every format and precision, and the training with each optimiser."""
    formats: list[tuple[str, str, dict[str, Any]]] = [("onnx", ".onnx", {}), ("c", ".c", {}), ("numpy", ".py", {})]
    formats += [("c-train", ".c", {"optimiser": optimiser}) for optimiser in OPTIMISERS]
    for name, (make, table, settings) in MODELS.items():
        model = make().fit(table, **{**settings, "engine": "reference"})
        for (to, suffix, extra), dtype in itertools.product(formats, ("float64", "float32")):
            label = " ".join([to, *(str(value) for value in extra.values() if value)])
            given = {"to": to, "dtype": dtype, **extra}
            yield f"export of {name}, {label}, {dtype}", partial(exported, model, suffix, given)


def exported(model: st.Model, suffix: str, settings: dict[str, Any]) -> Parts:
    """Export a model and return the parts of the file."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / f"model{suffix}"
        model.export(place, **settings)
        return code_parts(place.read_bytes(), suffix)


# -- commands

COMMANDS = """
derive "mean((x*w - y)^2)" --wrt w --data x,y
derive "z ~ sigmoid(x*w1 + y*w2 + b)" --wrt w1,w2,b --format latex
derive "x^2*exp(-x)" --wrt x --level full --format markdown
derive "y ~ exp(x*w)" --wrt w --cost poisson --data x,y --json
check "z ~ sigmoid(x*w1 + y*w2 + b)" nand --at w1=.3,w2=.6,b=.1 --json
check "y ~ sigmoid(sigmoid(x*w1 + b1)*w2 + b2)" twice --gradient layerwise --at w1=1,b1=0,w2=1,b2=0
tangent "2*x^2 + y^2" --at x=.5,y=.5 --move x=.1,y=.1 --json
ops --json
fit nand --json
fit nand --engine reference --optimiser adam --epochs 50
fit xor --rate 1 --epochs 100 --restarts 20 --json
fit iris.csv "virginica ~ sigmoid(petal_length*w1 + petal_width*w2 + b)" --cost cross_entropy --epochs 20 --save one.safetensors
fit iris.csv virginica --features *_* --layers 4 --optimiser adam --rate 0.01 --batch 16 --epochs 5 --validate 0.2 --save net.safetensors
predict net.safetensors iris.csv
evaluate net.safetensors iris.csv --json
export net.safetensors --to c -o net.c
export net.safetensors --to numpy -o net.py
export one.safetensors --to c-train --optimiser adam -o one.c
graph "q = x + y; q*z" --at x=-2,y=5,z=-4 --explain x
graph "z ~ sigmoid(x*w1 + y*w2 + b)" --table nand --at w1=.3,w2=.6,b=.1 --sample 3 -o graph.tex
graph "z ~ sigmoid(x*w1 + y*w2 + b)" --table nand --at w1=.3,w2=.6,b=.1 -o graph.dot
graph "(x + y)*z" --at x=-2,y=5,z=-4 -o graph.svg
diagram "network 2,3,1" -o network.tex
diagram net.safetensors -o network.svg
surface "2*x^2 + y^2" --at x=.5,y=.5 --move x=.1,y=.1 --look 3d -o plane.svg
surface "2*x^2 + y^2" --start x=2,y=1 --optimiser adam -o path.tex
plot activation sigmoid relu -o activation.svg
plot training "y ~ x*w" twice --rate 0.05 --epochs 30 -o training.svg
plot predicted "y ~ x*w" twice --rate 0.05 --epochs 30 -o predicted.svg
plot confusion net.safetensors iris.csv -o confusion.svg
plot boundary "z ~ sigmoid(x*w1 + y*w2 + b)" nand --rate 1 --epochs 20 -o boundary.svg
paper nand --no-compare --epochs 20 -o nand.md
proofread notes.tex
proofread notes.tex --json
proofread notes.tex --format sarif
proofread notes.tex --format html -o proof.html
"""  # noqa: E501


def commands(root: Path) -> Iterator[Entry]:
    """Run commands one after another in a folder that holds the examples."""
    script = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]["steepest"]
    module, _, function = script.partition(":")
    with TemporaryDirectory() as folder:
        for name in ("iris.csv", "notes.tex"):
            shutil.copy(root / "examples" / name, folder)
        for line in COMMANDS.strip().splitlines():
            yield f"command {line}", partial(run, module, function, shlex.split(line), Path(folder))


def run(module: str, function: str, words: Sequence[str], folder: Path) -> Parts:
    """Run a command in this process and return its status, output and the file that it wrote."""
    begin, argv = Path.cwd(), sys.argv
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)]
    status: Any = 0
    os.chdir(folder)
    try:
        sys.argv = ["steepest", *words]
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            getattr(importlib.import_module(module), function)()
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.argv = argv
        os.chdir(begin)
    said = [timeless(stream.buffer.getvalue().decode()) for stream in streams]
    parts = {"output": f"{said[0]}\n-- errors\n{said[1]}\n-- status {status}"}
    if "-o" in words:
        parts["file"] = timeless((folder / words[words.index("-o") + 1]).read_text(encoding="utf-8"))
    return parts


def texts(root: Path) -> Iterable[Entry]:
    """Return every text by its name."""
    return itertools.chain(derivations(), layered(), papers(), exports(), commands(root))


# -- verdicts of the proof-reader

_SITE = re.compile(r"⟦([^⟧]*)⟧")


def documents(tree: Path, also: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Find the documents of a source tree, wherever its tests keep them, and read further ones.

    A derivation with marked places ``⟦right¦cause→wrong¦…⟧`` is one document without a fault, and one for each fault.
    """
    for path in sorted(tree.glob("tests/**/derivations/*.txt"), key=lambda path: path.name):
        for name, text in _sections(path):
            yield f"{path.stem}: {name}", _SITE.sub(lambda site: site[1].split("¦")[0], text)
            yield from ((f"{path.stem}: {name}, {fault}", wrong) for fault, wrong in _faults(text))
    for path in sorted(tree.glob("tests/**/excerpts*.txt"), key=lambda path: path.name):
        yield from ((f"{path.stem}: {name}", text) for name, text in _sections(path))
    papers = [path for suffix in ("tex", "md") for path in sorted(tree.glob(f"docs/papers/*.{suffix}"))]
    further = [file for path in also for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    for path in [tree / "examples" / "notes.tex", *papers, *further]:
        yield f"{path.parent.name}/{path.name}", path.read_text(encoding="utf-8")


def _sections(path: Path) -> Iterator[tuple[str, str]]:
    for part in re.split(r"(?m)^=== ", path.read_text(encoding="utf-8"))[1:]:
        name, _, text = part.partition("\n")
        yield name.strip(), text


def _faults(text: str) -> Iterator[tuple[str, str]]:
    pieces = _SITE.split(text)  # the text around the places, and at odd positions what is written in them
    right = [piece.split("¦")[0] if k % 2 else piece for k, piece in enumerate(pieces)]
    for number in range(1, len(pieces), 2):
        for choice, alternative in enumerate(pieces[number].split("¦")[1:]):
            cause, _, wrong = alternative.partition("→")
            yield f"{cause} {number // 2}.{choice}", "".join([*right[:number], wrong, *right[number + 1 :]])


def verdicts(text: str) -> Verdicts:
    """Return the verdict, cause and corrected formula of every equality by its place, and a digest of the text."""
    found: Verdicts = {"text": hashlib.sha256(text.encode()).hexdigest()}
    for finding in st.proofread(text).findings:
        place = f"{finding.line:04}:{finding.column:03}"
        number = sum(key.partition(" ")[0] == place for key in found)
        found[f"{place} ({number + 1})" if number else place] = [finding.verdict, finding.cause, finding.corrected]
    return found


def proofs(tree: Path, also: Sequence[Path]) -> Iterable[tuple[str, Callable[[], Verdicts]]]:
    """Return every document by its name, with the function that proof-reads it."""
    return ((name, partial(verdicts, text)) for name, text in documents(tree, also))
