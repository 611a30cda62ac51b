"""Write C99 that predicts: one file that contains the parameters and allocates nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from steepest.calculus.passes import users
from steepest.calculus.program import Program
from steepest.export.c_code import PRIMITIVES, Code, Place, of_sample, size_of
from steepest.export.c_functions import Functions
from steepest.export.c_literals import RESERVED, TYPES, array_literal, literal
from steepest.export.names import Identifiers, in_c_comment
from steepest.export.prepared import Prepared, require
from steepest.expressions.expression import Expression

INCLUDES = "#include <math.h>\n#include <stddef.h>\n"
COMPILING = (
    "C99, compiled for example by: cc -std=c99 -O2 -c FILE.c, and linked with -lm where the system keeps mathematical "
    "functions in a library of their own."
)


def comment(*paragraphs: str) -> str:
    """Return a block comment; paragraphs are wrapped unless they begin with a blank."""
    lines: list[str] = []
    for paragraph in paragraphs:
        safe = in_c_comment(paragraph)
        lines += [safe] if safe.startswith(" ") or not safe else textwrap.wrap(safe, 110, break_on_hyphens=False)
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def described(
    nodes: Sequence[Expression], identifiers: Sequence[str], blocks: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return a line for each array: its identifier and name, its shape, and the columns of a feature group."""
    lines = []
    for node, identifier in zip(nodes, identifiers, strict=True):
        shape = " x ".join(str(d) for d in node.shape) if node.shape else "1 number"
        columns = f": {', '.join(blocks[node.name])}" if node.name in blocks else ""
        lines.append(f"    {identifier}: {shape}{'' if identifier == node.name else f', {node.name}'}{columns}")
    return lines


def sizes(prefix: str, names: Identifiers, entries: Sequence[tuple[str, int]]) -> str:
    """Return the lengths of arrays as constants."""
    rows = [f"    {names.pick(f'{prefix}_{name}_size')} = {max(size, 1)}" for name, size in entries]
    return "/* How many numbers a sample has in each array. */\nenum {\n" + ",\n".join(rows) + "\n};\n"


def write_c(prepared: Prepared) -> bytes:
    """Return a file of C99 that computes a prediction."""
    names = Identifiers(RESERVED)
    prefix = names.pick(prepared.name)
    one, many = names.pick(f"{prefix}_predict"), names.pick(f"{prefix}_predict_n")
    functions = Functions(prepared.dtype, names, prefix)
    nodes = [*prepared.columns, prepared.output]
    called = [names.pick(name) for name in [*(node.name for node in prepared.columns), "prediction"]]
    constants = sizes(prefix, names, [(name, size_of(node)) for name, node in zip(called, nodes, strict=True)])
    places = {node: of_sample(node, name) for node, name in zip(prepared.columns, called[:-1], strict=True)}
    arrays = _arrays(prepared, names, prefix, places)
    require(prepared.program, PRIMITIVES, "C")
    code = predicting(prepared.program, functions, names, places, called[-1])

    kind = TYPES[prepared.dtype]
    arguments = ", ".join([*(f"const {kind} *{column}" for column in called[:-1]), f"{kind} *{called[-1]}"])
    rows = ", ".join(address(name, node) for name, node in zip(called, nodes, strict=True))
    declared = f"void {one}({arguments})", f"void {many}(size_t n, {arguments})"
    count = max(size_of(prepared.output), 1)
    head = comment(
        f"Predicts {prepared.formula}",
        "",
        *(f"    {each};" for each in declared),
        "",
        f"{one} predicts one sample. {many} predicts n samples, one after another in each array. Matrices lie row by "
        "row. The arrays of a sample:",
        "",
        *described(prepared.columns, called[:-1], prepared.blocks),
        f"    {called[-1]}: {count} number{'s' if count > 1 else ''}",
        "",
        f"Copy the two lines above into a header to call them from other files. Numbers are of type {kind}. Nothing is "
        f"allocated; a call takes about {code.stack * (8 if kind == 'double' else 4)} bytes of arrays on the stack. "
        + COMPILING,
        "",
        "Made by steepest from a fitted model.",
    )
    body = "\n".join(code.lines)
    loop = f"    for (size_t s = 0; s < n; s++)\n        {one}({rows});"
    definitions = [f"{line}\n{{\n{text}\n}}\n" for line, text in zip(declared, (body, loop), strict=True)]
    return joined([head, INCLUDES, constants, *arrays, functions.source(), *definitions])


def _arrays(prepared: Prepared, names: Identifiers, prefix: str, places: dict[Expression, Place]) -> list[str]:
    """Return the parameters as constants of the file, and add their places."""
    arrays = []
    for node in prepared.params:
        variable = names.pick(f"{prefix}_{node.name}")
        places[node] = Place(variable, size_of(node))
        value = prepared.values[node.name]
        said = in_c_comment(prepared.meanings.get(node.name, node.name))
        declared = f"static const {TYPES[prepared.dtype]} {variable}"
        if node.shape:
            shape = " x ".join(map(str, node.shape))
            numbers = array_literal(value, prepared.dtype)
            arrays.append(f"/* {said}, {shape} */\n{declared}[{size_of(node)}] = {numbers};\n")
        else:
            arrays.append(f"/* {said} */\n{declared} = {literal(float(value), prepared.dtype)};\n")
    return arrays


def joined(parts: Sequence[str]) -> bytes:
    """Join the parts of a file that are not empty, with an empty line between them."""
    return "\n".join(part for part in parts if part).encode()


def address(pointer: str, node: Expression) -> str:
    """Return the address of sample s in an array of samples."""
    size = size_of(node)
    return f"{pointer} + {size} * s" if size > 1 else f"{pointer} + s"


def predicting(
    program: Program, functions: Functions, names: Identifiers, places: dict[Expression, Place], output: str
) -> Code:
    """Write statements that store the single output of a program for one sample in an array."""
    (root,) = program.outputs
    target = of_sample(root, output)
    code = Code(functions, names.inner(), places, users(program), {root: target} if root.args else {})
    code.compute(program.nodes)
    if not root.args:
        code.copy(target, places[root])
    return code
