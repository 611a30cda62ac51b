"""Write C99 that trains by gradient descent over all samples: one file that allocates nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steepest.calculus.passes import passes, users
from steepest.calculus.program import Program, lower
from steepest.calculus.stability import stabilise
from steepest.engines import DTYPES
from steepest.engines.step import RATE, UPDATES, Step
from steepest.errors import ModelError
from steepest.export.c import COMPILING, INCLUDES, address, comment, described, joined, predicting, sizes
from steepest.export.c_code import PRIMITIVES, Code, Place, of_sample, size_of
from steepest.export.c_functions import Functions
from steepest.export.c_literals import RESERVED, TYPES
from steepest.export.names import Identifiers
from steepest.export.prepared import require
from steepest.expressions.expression import DATA, PARAMETER, Expression, constant, leaves
from steepest.expressions.operations import count
from steepest.objectives.costs import WEIGHT
from steepest.training.optimisers import Optimiser, optimiser_named
from steepest.training.steps import gradient_step

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification


@dataclass(frozen=True)
class File:
    """What the functions of one file have in common."""

    functions: Functions
    names: Identifiers
    columns: Mapping[Expression, str]  # the identifiers of the leaves that are arguments
    params: Mapping[Expression, str]  # likewise

    @property
    def type(self) -> str:
        """The type of every number."""
        return TYPES[self.functions.dtype]

    def arguments(self, of: Iterable[Expression], fixed: bool = True) -> list[str]:
        """Return the declarations of columns and parameters as arguments; parameters are const only if ``fixed``."""
        names = {**self.columns, **self.params}
        return [f"{'const ' * (fixed or node in self.columns)}{self.type} *{names[node]}" for node in of]

    def places(self) -> dict[Expression, Place]:
        """Return the places of the parameters."""
        return {node: of_sample(node, name) for node, name in self.params.items()}


def write_training(
    model: Specification, dtype: str, name: str = "model", optimiser: str | Optimiser | None = None
) -> bytes:
    """Return a file of C99 that trains a model, fitted or not, by gradient descent or another optimiser.

    Raises:
        ModelError: the gradient is zero everywhere, or the cost has no parameter or no data.
    """
    if dtype not in DTYPES:
        raise ModelError(f"there is no dtype {dtype!r}; the precisions are {' and '.join(DTYPES)}")
    if model.scales:
        raise ModelError(
            "the model has standardised columns, and C that trains would not standardise those of its samples; "
            "export C that predicts, or a model without a scale"
        )
    model.refuse_flat()
    if not model.cost.parameters or not model.cost.data:
        raise ModelError(f"there is nothing to train in {model.formula!r}: it needs a parameter and a data column")
    for leaf in (RATE, UPDATES):
        if leaf.name in model.cost.parameters:
            raise ModelError(f"a parameter has the reserved name {leaf.name!r}; rename it")
    method = optimiser_named(optimiser)
    if not isinstance(method, Optimiser):
        raise ModelError(f"the optimiser {method.name!r} finds its own steps and has no form in C; choose another")
    step = gradient_step(model.prepared, "backprop", method, maximise=False, norm=False)
    names = Identifiers(RESERVED)
    prefix = names.pick(name)
    called = {word: names.pick(f"{prefix}_{word}") for word in ("predict", "cost", "train")}
    functions = Functions(dtype, names, prefix)
    nodes = leaves([model.prediction, model.target, model.cost])
    columns = {node: names.pick(node.name) for node in nodes if node.operation is DATA}
    params = {node: names.pick(node.name) for node in nodes if node.operation is PARAMETER}
    file = File(functions, names, columns, params)
    rate, epochs = names.pick("rate"), names.pick("epochs")
    constants = sizes(prefix, names, [(v, size_of(n)) for n, v in [*columns.items(), *params.items()]])

    costing, _ = _costing(file, step, called["cost"])
    training, stack = _training(file, step, called["train"], called["cost"], rate, epochs)
    predicting = _predicting(file, model, called["predict"])
    declarations = [text.partition("\n{")[0] for text in (predicting, costing, training) if text]
    head = _head(model, file, method.name, called, declarations, (rate, epochs), stack)
    return joined([head, INCLUDES, constants, functions.source(), predicting, costing, training])


def _head(
    model: Specification, file: File, method: str, called: Mapping[str, str], declarations: Sequence[str],
    steps: tuple[str, str], stack: int,
) -> str:  # fmt: skip
    rate, epochs = steps
    kind = file.type
    weights = [name for node, name in file.columns.items() if node.name == WEIGHT]
    arguments = ", ".join(["4", *file.columns.values(), *file.params.values()])
    calling = [
        "    #include <stdio.h>",
        *(f"    {each};" for each in declarations),
        "    int main(void)",
        "    {",
        *(f"        {kind} {v}[4{f' * {size_of(n)}' if n.shape else ''}] = {{0}};" for n, v in file.columns.items()),
        *(f"        {kind} {v}[{size_of(n) or 1}] = {{0}};" for n, v in file.params.items()),
        f'        printf("%g\\n", {called["train"]}({arguments}, 0.1{"f" if kind == "float" else ""}, 1000));',
        "        return 0;",
        "    }",
    ]
    return comment(
        f"Trains {model.formula}",
        f"by {method} on the cost {model.cost_name}, with the gradient that steepest derived.",
        "",
        *(f"    {each};" for each in declarations),
        "",
        f"{called['train']} makes {epochs} steps of length {rate} from the parameters it is given, each with all n "
        "samples, leaves the parameters where it arrived, and returns the cost there. It stops before where the cost "
        f"is no longer a finite number, and returns that. {called['cost']} is the cost alone. Columns hold n samples, "
        "one after another; matrices lie row by row. The arrays:",
        "",
        *described(list(file.columns), list(file.columns.values()), model.blocks),
        *described(list(file.params), list(file.params.values()), {}),
        "",
        *(f"{name} weighs the samples; divide the weights by their mean." for name in weights),
        "Give parameters that are not all equal to start from: hidden neurons that start alike stay alike.",
        f"Numbers are of type {kind}. Memory does not depend on n: nothing is allocated, arrays of one sample take "
        f"about {stack * (8 if kind == 'double' else 4)} bytes of the stack, and sums, which have the size of the "
        "parameters, are static where they are arrays; so let one thread train at a time.",
        COMPILING + " To call it, with data and parameters in place of the zeros:",
        "",
        *calling,
        "",
        "Made by steepest.",
    )


def _predicting(file: File, model: Specification, called: str) -> str:
    """Return the function that predicts one sample; empty if a prediction needs all samples."""
    prediction = model.prediction
    program = lower([stabilise([prediction])[prediction]])
    if not prediction.per_sample or any(n.operation.over_samples or n.operation is count for n in program.nodes):
        return ""
    places = file.places()
    columns = [node for node in leaves([prediction]) if node.operation is DATA]
    params = [node for node in leaves([prediction]) if node.operation is PARAMETER]
    for node in columns:
        places[node] = of_sample(node, file.columns[node])
    names = file.names.inner()
    output = names.pick("prediction")
    code = predicting(program, file.functions, names, places, output)
    arguments = [*file.arguments([*columns, *params]), f"{file.type} *{output}"]
    body = "\n".join(code.lines)
    return f"void {called}({', '.join(arguments)})\n{{\n{body}\n}}\n"


def _costing(file: File, step: Step, called: str) -> tuple[str, int]:
    """Return the function that computes the cost, and its use of the stack."""
    program = lower([step.cost])
    code = Code(file.functions, file.names.inner(), file.places(), users(program), static=True)
    _over_samples(code, program, file)
    code.add(f"return {code.places[program.outputs[0]].text};")
    arguments = ["size_t n", *file.arguments([*file.columns, *file.params])]
    unused = [f"    (void){v};" for n, v in {**file.columns, **file.params}.items() if n not in program.nodes]
    body = "\n".join([*unused, *code.lines])
    return f"{file.type} {called}({', '.join(arguments)})\n{{\n{body}\n}}\n", code.stack


def _training(file: File, step: Step, called: str, cost: str, rate: str, epochs: str) -> tuple[str, int]:
    """Return the function that trains, and its use of the stack; optimiser state starts from 0 by default."""
    program = lower([step.cost, *step.updates.values()])
    require(program, PRIMITIVES, "C")
    value, *next_values = program.outputs
    places = file.places()
    places[RATE] = Place(rate)
    names = file.names.inner()
    states = {node: names.pick(f"state {node.name}") for node in step.updates if node not in file.params}
    begin = lower([step.memory.get(node, constant(0)) for node in states])
    code = Code(file.functions, names, places, users(begin), static=True)
    code.compute(begin.nodes)
    for (node, variable), first in zip(states.items(), begin.outputs, strict=True):
        places[node] = Place(variable, size_of(node))
        if node.shape:
            code.add(f"static {file.type} {variable}[{size_of(node)}];")
            code.copy(places[node], places[first])
        else:
            code.add(f"{file.type} {variable} = {places[first].text};")
    epoch = names.pick("epoch")
    code.users = users(program)  # goes on with another program, which can use the values computed so far
    code.add(f"for (long {epoch} = 0; {epoch} < {epochs}; {epoch}++) {{")
    code.indent += 1
    _over_samples(code, program, file)
    code.add(f"if (!isfinite({code.places[value].text}))", f"    return (double){code.places[value].text};")
    # All new values are computed before the first is stored, because one may depend on the old value of another.
    found = dict(zip(step.updates, next_values, strict=True))
    kept = {node: _kept(code, value) for node, value in found.items() if value is not node}
    for node, place in kept.items():
        code.copy(places[node], place)
    code.indent -= 1
    code.add("}")
    code.add(f"return (double){cost}(n, {', '.join([*file.columns.values(), *file.params.values()])});")
    arguments = ["size_t n", *file.arguments([*file.columns, *file.params], fixed=False)]
    arguments += [f"{file.type} {rate}", f"long {epochs}"]
    body = "\n".join(code.lines)
    return f"double {called}({', '.join(arguments)})\n{{\n{body}\n}}\n", code.stack


def _kept(code: Code, value: Expression) -> Place:
    """Return a place whose value does not change; that of a leaf, which is updated, is copied."""
    place = code.places[value]
    if value.operation is not PARAMETER:
        return place
    copy = code.declare(value, "kept", code.places[value])
    if copy.size:
        code.copy(copy, place)
    return copy


def _over_samples(code: Code, program: Program, file: File) -> None:
    """Write a whole program: the passes over the samples with their sums, and the shared values between them."""
    code.places.update({node: Place(f"({code.type})n") for node in program.nodes if node.operation is count})
    for each in passes(program):
        code.compute(each.shared)
        if not each.sums:
            continue
        for node in each.sums:
            code.places[node] = code.zeroed(node)
        code.add("for (size_t s = 0; s < n; s++) {")
        code.indent += 1
        for node in each.sampled:
            if node.operation is DATA:
                variable = file.columns[node]
                if node.shape:
                    pointer = code.names.pick(f"{variable}_s")
                    code.add(f"const {code.type} *{pointer} = {address(variable, node)};")
                    code.places[node] = Place(pointer, size_of(node))
                else:
                    code.places[node] = Place(f"{variable}[s]")
        code.compute(each.sampled)
        for node in each.sums:
            code.accumulate(node, code.places[node].text)
        for node in each.sampled:  # their scope ends with the loop; a later pass recomputes them
            code.places.pop(node, None)
        code.indent -= 1
        code.add("}")
