"""Exports of models whose names try to be code: nothing of a name is compiled, exported, called or imported."""

from __future__ import annotations

import ast
import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import export_harness as harness
import steepest as st
from export_harness import pointer
from hostile import GROUPED, NAMES, network, neuron
from steepest.export import export_bytes
from tools import needs

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::steepest.SteepestWarning")]
GCC = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fPIC"]
MADE = 'fopen("made", "w")'
CODE = [
    f"*/ __attribute__((constructor)) static void run(void) {{ {MADE}; }} /*", f"*/ void leaked(void) {{ {MADE}; }} /*",
    "*/ int leaked = 1; /*", "*//*", "/**/", "**//", "*\\", "*??/", "??/", "// \\", "\\", "#define double int",
    f'"); {MADE}; ("', f"{{{{ {MADE} }}}}", "main", "printf", "exp", "fabs", "tanh", "size_t", "double", "const",
    "nasty", "nasty_predict", "nasty_train", "n", "s", "epoch", "__FILE__", "__func__", '_Pragma("once")',
    'asm("nop")', "*\u2215", "＊／", "x\u0301", "%n%s", "'''", '"""', f'"""\nimport os; {MADE}\n"""'.replace("\n", ";"),
    '"""; __import__("os").system("touch made"); """', "\\\"\\\"\\\"", "lambda", "None", "np", "numpy", "DTYPE",
    "predict", "import os", "__import__('os')", "{0.__class__}", "\\N{BULLET}", "\\x22\\x22\\x22",
]  # fmt: skip
LINES = [
    "*/\nint leaked;\n/*",
    'a\n#include "/etc/passwd"\nb',
    '"""\nimport os\n"""',
    "\\\n*/ int leaked; /*",
    "\r*/\r",
]
MATHS = {"exp", "fabs", "tanh", "log", "log1p", "expm1", "sqrt", "isfinite", "__isfinite", "_GLOBAL_OFFSET_TABLE_",
         "__stack_chk_fail"}  # fmt: skip


def cases() -> dict[str, harness.Case]:
    """Fitted models with the names as columns, as parameters, and as columns of a feature group."""
    found = {}
    for name, (model, table) in {
        "code": neuron(["t", *CODE]), "code, changed about": neuron(["t", *reversed(CODE)]), "pages": neuron(NAMES),
        "groups": network([*LINES, *CODE, *GROUPED]),
    }.items():  # fmt: skip
        model.fit(table, epochs=5)
        arrays = dict(model.samples(table, "error").arrays)
        found[name] = harness.Case(model, {column: arrays[column] for column in model.prediction.data})
    return found


@pytest.fixture(scope="module")
def tried() -> dict[str, harness.Case]:
    return cases()


KINDS = ["code", "code, changed about", "pages", "groups"]


def compiled(source: bytes, folder: Path) -> tuple[ctypes.CDLL, set[str], set[str]]:
    """The functions of a file, the names that it exports and the names that it needs."""
    (folder / "nasty.c").write_bytes(source)
    for command in ([*GCC, "-c", "nasty.c"], [*GCC, "-shared", "-o", "nasty.so", "nasty.o", "-lm"]):
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
    functions = ctypes.CDLL(str(folder / "nasty.so"))
    return functions, symbols(folder, "-g", "--defined-only"), symbols(folder, "-u")


def symbols(folder: Path, *words: str) -> set[str]:
    listed = subprocess.run(["nm", *words, "nasty.o"], cwd=folder, capture_output=True, text=True, check=True)
    return {line.split()[-1] for line in listed.stdout.splitlines()}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@needs("gcc", "nm")
@pytest.mark.parametrize("kind", KINDS)
def test_c_has_its_functions_alone(
    tried: dict[str, harness.Case], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    each = tried[kind]
    functions, exported, needed = compiled(export_bytes(each.model, "c", name="nasty"), tmp_path)
    assert exported == {"nasty_predict", "nasty_predict_n"}
    assert needed <= MATHS
    found = harness.c_predict(functions, "nasty", each, "float64")
    np.testing.assert_allclose(found, each.wanted("float64"), rtol=1e-12)
    assert files(tmp_path) == {"nasty.c", "nasty.o", "nasty.so"}


@needs("gcc", "nm")
@pytest.mark.parametrize("kind", KINDS)
def test_c_that_trains_has_its_functions_alone(
    tried: dict[str, harness.Case], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its training is that of the reference engine."""
    monkeypatch.chdir(tmp_path)
    model = tried[kind].model
    functions, exported, needed = compiled(export_bytes(model, "c-train", name="nasty"), tmp_path)
    assert exported == {"nasty_predict", "nasty_cost", "nasty_train"}
    assert needed <= MATHS
    target = "t" if "t" in model.cost.data else NAMES[0]
    columns = {**tried[kind].table, target: np.array([0.0, 1, 1, 0, 1, 0])}
    ordered = {name: np.array(columns[name]) for name in [*model.prediction.data, target]}
    params = {name: np.atleast_1d(np.array(model.params[name])) for name in model.prediction.parameters}
    functions.nasty_train.restype = ctypes.c_double
    arrays = [pointer(array) for array in (*ordered.values(), *params.values())]
    cost = functions.nasty_train(ctypes.c_size_t(6), *arrays, ctypes.c_double(0.1), ctypes.c_long(20))
    run = st.descend(model.cost, columns, start=model.params, rate=0.1, epochs=20, engine="reference", progress=False)
    assert cost == pytest.approx(run.cost, rel=1e-12)
    for name, value in params.items():
        np.testing.assert_allclose(value.reshape(np.shape(run.params[name])), run.params[name], rtol=1e-9)
    assert files(tmp_path) == {"nasty.c", "nasty.o", "nasty.so"}


@needs("gcc", "nm")
def test_a_name_that_gets_out_of_a_comment_is_seen(tmp_path: Path) -> None:
    """So that the checks above can fail: another function, a needed one, and a file when it is loaded."""
    source = b"#include <stdio.h>\n" + "".join(f"/* {name} */\n" for name in CODE[:2]).encode()
    (tmp_path / "nasty.c").write_bytes(source)
    subprocess.run(["gcc", "-std=c99", "-fPIC", "-c", "nasty.c"], cwd=tmp_path, check=True)
    subprocess.run(["gcc", "-shared", "-o", "nasty.so", "nasty.o"], cwd=tmp_path, check=True)
    assert symbols(tmp_path, "-g", "--defined-only") == {"leaked"}
    assert "fopen" in symbols(tmp_path, "-u") - MATHS
    program = "import ctypes; ctypes.CDLL('./nasty.so')"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert "made" in files(tmp_path)


def others(source: bytes) -> list[str]:
    """What a module imports, or calls, besides NumPy and its own functions, and what is run when it is imported."""
    tree = ast.parse(source)
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} | {"DTYPE"}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found += [] if ast.unparse(node) == "import numpy as np" else [ast.unparse(node)]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            found += [] if called in own or (called.startswith("np.") and called.count(".") == 1) else [called]
    allowed = (ast.Import, ast.FunctionDef, ast.Assign)
    return found + [ast.unparse(node) for node in tree.body[1:] if not isinstance(node, allowed)]


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_source_calls_numpy_alone(
    tried: dict[str, harness.Case], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = export_bytes(tried[kind].model, "numpy")
    assert others(source) == []
    found = harness.numpy_predict(source, tried[kind], "float64")
    np.testing.assert_allclose(found, tried[kind].wanted("float64"), rtol=1e-12)
    assert files(tmp_path) == set()


def test_a_name_that_gets_out_of_a_docstring_is_seen() -> None:
    name = next(each for each in CODE if each.startswith('"""; __import__'))
    assert "__import__" in others(f'"""{name}"""'.encode())
    assert others(b'"""a"""\nimport os\n') == ["import os"]


@pytest.mark.parametrize("kind", KINDS)
def test_onnx_is_sound_and_runs(tried: dict[str, harness.Case], kind: str, tmp_path: Path) -> None:
    import onnx

    content = export_bytes(tried[kind].model, "onnx")
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert not [each for each in model.graph.initializer if each.external_data]
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    found = harness.onnx_predict(content, tried[kind], "float64")
    np.testing.assert_allclose(found, tried[kind].wanted("float64"), rtol=1e-12)
