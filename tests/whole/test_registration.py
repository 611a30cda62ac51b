"""Adding one of each kind takes one registration: a toy one is registered here and used from the command line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import Steepest
from command_line import steepest as steepest
from steepest import export
from steepest.engines import reference
from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.functions.elementwise import native
from steepest.engines.native.llvm.code import Splat, Value
from steepest.export import c_code, c_functions, numpy_source, onnx
from steepest.expressions import operations, printing
from steepest.expressions.expression import OPERATIONS, Expression
from steepest.objectives import costs
from steepest.training import initialisers, optimisers, schedules

FORMULA = "z ~ sigmoid(x*w1 + y*w2 + b)"


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """Forget afterwards what a test has registered."""
    registries: list[Any] = [
        costs.COSTS._entries, optimisers.OPTIMISERS._entries, schedules.SCHEDULES._entries,
        initialisers.SCHEMES._entries, export.FORMATS._entries, OPERATIONS, operations.FUNCTIONS,
        printing.FUNCTION_NAMES, reference.ELEMENTWISE, reference.COMPLEX, ELEMENTWISE, c_functions.ELEMENTWISE,
        onnx.PRIMITIVES, numpy_source.PRIMITIVES,
    ]  # fmt: skip
    kept = [copy(registry) for registry in registries]
    yield
    for registry, before in zip(registries, kept, strict=True):
        registry.clear()
        registry.update(before)


def fitted(steepest: Steepest, *words: str, formula: str = FORMULA) -> Any:
    """Fit from the command line and return what it prints as JSON."""
    said = steepest("fit", "nand", formula, "--epochs", "20", "--seed", "1", "--json", *words)
    assert said.status == 0, said.err
    return said.json


def test_a_cost_is_one_entry(steepest: Steepest) -> None:
    def quartic(prediction: Expression, target: Expression, weight: Expression | None = None) -> Expression:
        return costs.over_samples((prediction - target) ** 4, weight)

    costs.COSTS.add("quartic", quartic, "fourth powers")
    wanted = fitted(steepest, "--cost", "(prediction - target)^4")
    assert fitted(steepest, "--cost", "quartic")["params"] == wanted["params"]
    assert "huber, poisson, quartic" in " ".join(steepest("fit", "--help").out.split())
    assert "the choices are mse" in steepest("fit", "nand", FORMULA, "--cost", "nothing").err


def test_an_optimiser_is_one_entry(steepest: Steepest) -> None:
    def half() -> optimisers.Optimiser:
        return optimisers.Optimiser("half", lambda w: (), lambda w, g, state, rate, t: (w - rate / 2 * g, state))

    optimisers.OPTIMISERS.add("half", half, "half of each step")
    wanted = fitted(steepest, "--rate", "0.25")
    assert fitted(steepest, "--optimiser", "half", "--rate", "0.5")["params"] == pytest.approx(wanted["params"])
    assert "newton, half" in " ".join(steepest("fit", "--help").out.split())


def test_a_schedule_is_one_entry(steepest: Steepest) -> None:
    def inverse(rate: float, epochs: float, numbers: list[float], tail: str) -> schedules.Schedule:
        return schedules.Schedule("inverse", lambda t: 1 / (1 + t), rate)

    schedules.SCHEDULES.add("inverse", schedules.ScheduleForm("inverse", inverse), "the rate over 1 + t")
    slow, constant = fitted(steepest, "--schedule", "inverse"), fitted(steepest)
    assert slow["cost"] > constant["cost"]
    assert "plateau, inverse" in " ".join(steepest("fit", "--help").out.split())


def test_an_initialiser_is_one_entry(steepest: Steepest) -> None:
    initialisers.SCHEMES.add("ones", lambda shape, fans: lambda rng: np.ones(shape), "1 in matrices")
    words = ("fit", "xor", "z", "--layers", "2", "--epochs", "0", "--json", "--initial", "ones")
    assert steepest(*words).json["params"]["W1"] == [[1.0, 1.0], [1.0, 1.0]]
    assert "normal, ones" in " ".join(steepest("fit", "--help").out.split())


def test_an_export_format_is_a_module_and_an_entry(steepest: Steepest, tmp_path: Path) -> None:
    def write(model: Any, dtype: str, name: str, optimiser: Any) -> bytes:
        return f"{name}: {model.formula}".encode()

    export.FORMATS.add("note", export.ExportFormat(".note", write), "the formula")
    assert steepest("fit", "nand", "--save", "m.safetensors").status == 0
    assert steepest("export", "m.safetensors", "--to", "note").status == 0
    assert Path("m.note").read_text() == f"m: {FORMULA}"
    assert "numpy, note" in " ".join(steepest("export", "--help").out.split())


def isru(x: Any) -> Any:
    return x / (1 + x * x) ** 0.5


def register_isru() -> None:
    """Add an elementary primitive: an entry of the table and one for each backend."""
    operations.operation(
        "isru", 1, "x / √(1 + x²)", partials=(lambda x, r: 1 / (1 + x**2) ** 1.5,), activation=True,
    )  # fmt: skip
    reference.register("isru", lambda x: x / np.sqrt(1 + x * x))
    c_functions.ELEMENTWISE["isru"] = c_functions.Helper(
        "static T isru(T x)\n{\n    return x / pow(1 + x * x, 0.5);\n}\n"
    )
    numpy_source.PRIMITIVES["isru"] = numpy_source.Helper("def isru(x):\n    return x / np.sqrt(1 + x * x)\n")
    onnx.PRIMITIVES["isru"] = _isru_onnx

    @native("isru")
    def _isru(builder: Value, x: Value) -> Value:
        root = ELEMENTWISE["sqrt"].write(builder, builder.fadd(Splat(x.type, 1), builder.fmul(x, x)))
        return builder.fdiv(x, root)


def _isru_onnx(graph: Any, node: Expression) -> str:
    x = graph.names[node.args[0]]
    square = graph("Add", graph.number(1), graph("Mul", x, x))
    return str(graph("Div", x, graph("Sqrt", square)))


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_an_operation_is_an_entry_of_the_table_and_one_for_each_backend(
    steepest: Steepest, engine: str, tmp_path: Path
) -> None:
    register_isru()
    formula = "z ~ isru(x*w1 + y*w2 + b)"
    found = fitted(steepest, "--engine", engine, "--save", "m.safetensors", formula=formula)
    assert found["check"]
    assert {row["verdict"] for row in found["check"].values()} == {"correct"}
    spelt_out = "q = x*w1 + y*w2 + b; z ~ q/sqrt(1 + q^2)"
    wanted = fitted(steepest, "--engine", engine, formula=spelt_out)
    assert found["params"] == pytest.approx(wanted["params"], rel=1e-12)
    assert "isru" in steepest("ops").out
    assert "1/(1 + w²)^1.5" in steepest("derive", "isru(w)", "--wrt", "w").out
    for to in ("c", "onnx", "numpy"):
        assert steepest("export", "m.safetensors", "--to", to).status == 0
    scope: dict[str, Any] = {}
    exec(compile(Path("m.py").read_text(), "m.py", "exec"), scope)
    b = found["params"]["b"]
    assert scope["predict"](np.zeros(1), np.zeros(1))[0] == pytest.approx(b / math.sqrt(1 + b * b), rel=1e-12)
    assert "isru" in Path("m.c").read_text()


def test_a_backend_without_an_operation_says_so(steepest: Steepest) -> None:
    register_isru()
    del c_functions.ELEMENTWISE["isru"]
    assert steepest("fit", "nand", "z ~ isru(x*w1 + y*w2 + b)", "--epochs", "1", "--save", "m.safetensors").status == 0
    said = steepest("export", "m.safetensors", "--to", "c")
    assert said.status == 2
    assert "the operation 'isru' has no form in C" in said.err
    del reference.ELEMENTWISE["isru"]
    said = steepest("fit", "nand", "z ~ isru(x*w1 + y*w2 + b)", "--engine", "reference", "--no-check")
    assert said.status == 2
    assert "the reference engine has no kernel" in said.err


BACKENDS = {
    "reference": {*reference.ELEMENTWISE, *reference.STRUCTURAL},
    "C": set(c_code.PRIMITIVES),
    "ONNX": set(onnx.PRIMITIVES),
    "NumPy source": set(numpy_source.PRIMITIVES),
}
OF_SAMPLES = {"total", "total_outer"}
"""Sums over the samples, which no prediction holds: ONNX and NumPy source have predictions only."""


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_primitive_has_an_entry_in_each_backend(backend: str) -> None:
    wanted = {row.name for row in operations.TABLE if row.is_primitive and row.arity}
    if backend in ("ONNX", "NumPy source"):
        wanted -= OF_SAMPLES
    assert BACKENDS[backend] == wanted


def test_every_entry_has_a_line_of_help() -> None:
    registries: list[Any] = [
        costs.COSTS, optimisers.OPTIMISERS, schedules.SCHEDULES, initialisers.SCHEMES, export.FORMATS
    ]  # fmt: skip
    for registry in registries:
        for entry in registry.entries():
            assert 5 < len(entry.help) < 100, entry.name
            assert not entry.help.endswith("."), entry.name
