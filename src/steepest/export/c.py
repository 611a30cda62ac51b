"""C99 for predictions: one file without allocation, with the parameters in it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from steepest.engines.native.passes import users
from steepest.export.c_code import RESERVED, TYPES, Code, Functions, Place, array_literal, size_of
from steepest.export.names import Identifiers, in_c_comment
from steepest.export.prepared import Prepared
from steepest.expression import Expression


def comment(*paragraphs: str) -> str:
    """A block comment; a paragraph that begins with a blank is kept as it is, others are broken into lines."""
    lines: list[str] = []
    for paragraph in paragraphs:
        safe = in_c_comment(paragraph)
        lines += [safe] if safe.startswith(" ") or not safe else textwrap.wrap(safe, 110, break_on_hyphens=False)
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def described(nodes: Sequence[Expression], identifiers: Sequence[str]) -> list[str]:
    """A line for each array: what it is called here and in the formula, and its shape."""
    lines = []
    for node, identifier in zip(nodes, identifiers, strict=True):
        shape = " x ".join(str(d) for d in node.shape) if node.shape else "1 number"
        lines.append(f"    {identifier}: {shape}{'' if identifier == node.name else f', {node.name}'}")
    return lines


def sizes(prefix: str, names: Identifiers, entries: Sequence[tuple[str, int]]) -> str:
    """The lengths of arrays as constants."""
    rows = [f"    {names.pick(f'{prefix}_{name}_size')} = {max(size, 1)}" for name, size in entries]
    return "/* How many numbers a sample has in each array. */\nenum {\n" + ",\n".join(rows) + "\n};\n"


def write_c(prepared: Prepared) -> bytes:
    """A model's prediction as C99.

    Args:
        prepared: the prediction.

    Returns:
        The file's content.
    """
    names = Identifiers(RESERVED)
    prefix = names.pick(prepared.name)
    one, many = names.pick(f"{prefix}_predict"), names.pick(f"{prefix}_predict_n")
    functions = Functions(prepared.dtype, names, prefix)
    kind = TYPES[prepared.dtype]
    output = names.pick("prediction")
    columns = [names.pick(node.name) for node in prepared.columns]
    lengths = [size_of(node) for node in (*prepared.columns, prepared.output)]
    constants = sizes(prefix, names, list(zip([*columns, output], lengths, strict=True)))

    places = {}
    for node, column in zip(prepared.columns, columns, strict=True):
        places[node] = Place(column, size_of(node)) if node.shape else Place(f"{column}[0]")
    arrays = []
    for node in prepared.params:
        variable = names.pick(f"{prefix}_{node.name}")
        places[node] = Place(variable, size_of(node))
        told = prepared.meanings.get(node.name, node.name)
        length = f"[{size_of(node)}]" if node.shape else ""
        numbers = array_literal(prepared.values[node.name], prepared.dtype)
        if not node.shape:
            numbers = numbers.strip("{},\n ")
        shape = f", {' x '.join(map(str, node.shape))}" if node.shape else ""
        arrays.append(f"/* {in_c_comment(told)}{shape} */\nstatic const {kind} {variable}{length} = {numbers};\n")

    code = _predict(prepared, functions, names, places, output)
    arguments = [f"const {kind} *{column}" for column in columns] + [f"{kind} *{output}"]
    steps = [
        address(column, node)
        for column, node in zip([*columns, output], [*prepared.columns, prepared.output], strict=True)
    ]
    head = comment(
        f"Predicts {prepared.formula}",
        "",
        f"    void {one}({', '.join(arguments)});",
        f"    void {many}(size_t n, {', '.join(arguments)});",
        "",
        f"{one} predicts one sample. {many} predicts n samples, one after another in each array. "
        "Matrices lie row by row. The arrays of a sample:",
        "",
        *described(prepared.columns, columns),
        f"    {output}: {size_of(prepared.output) or 1} {'numbers' if size_of(prepared.output) > 1 else 'number'}",
        "",
        f"Copy the two lines above into a header to call them from other files. Numbers are of type {kind}. Nothing is "
        f"allocated; a call takes about {code.stack * (8 if kind == 'double' else 4)} bytes of arrays on the stack. "
        "C99, compiled for example by: cc -std=c99 -O2 -c FILE.c, and linked with -lm where the system keeps "
        "mathematical functions in a library of their own.",
        "",
        "Made by steepest from a fitted model.",
    )
    body = "\n".join(code.lines)
    loop = f"        {one}({', '.join(steps)});"
    return "\n".join([
        head, "#include <math.h>\n#include <stddef.h>\n", constants, *arrays, functions.source(),
        f"void {one}({', '.join(arguments)})\n{{\n{body}\n}}\n",
        f"void {many}(size_t n, {', '.join(arguments)})\n{{\n    for (size_t s = 0; s < n; s++)\n{loop}\n}}\n",
    ]).encode()  # fmt: skip


def address(pointer: str, node: Expression) -> str:
    """The address of sample s in an array of samples."""
    size = size_of(node)
    return f"{pointer} + {size} * s" if size > 1 else f"{pointer} + s"


def _predict(
    prepared: Prepared, functions: Functions, names: Identifiers, places: dict[Expression, Place], output: str
) -> Code:
    root = prepared.output
    target = Place(output, size_of(root)) if root.shape else Place(f"{output}[0]")
    code = Code(functions, names.inner(), places, users(prepared.program), {root: target} if root.args else {})
    code.compute(prepared.program.nodes)
    if not root.args:
        copy_into(code, target, places[root])
    return code


def copy_into(code: Code, target: Place, source: Place) -> None:
    """Statements that copy a value."""
    if target.size:
        code.loop(target.size, f"{target.text}[i] = {source.element()};")
    else:
        code.add(f"{target.text} = {source.text};")
