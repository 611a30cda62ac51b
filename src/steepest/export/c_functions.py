"""C for primitives that act on each element: operators, comparisons, functions of ``<math.h>`` and helper functions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from steepest.export.c_literals import MATHS_FUNCTIONS, TYPES
from steepest.export.names import Identifiers
from steepest.export.prepared import INFIX
from steepest.expressions.printing import ATOM, SIGN, SUM, Template


@dataclass(frozen=True)
class Helper:
    """A primitive with a helper function in the file: C with the type ``T`` and the name of the operation."""

    source: str


_MATHS_CALL = re.compile(rf"\b({'|'.join(MATHS_FUNCTIONS)})\(")

ElementwiseForm = Template | str | Helper

ELEMENTWISE: dict[str, ElementwiseForm] = {
    **INFIX,
    "negate": Template("-{0}", SIGN, (SIGN + 1,)),  # two signs would be a decrement
    "where": Template("({0} != 0 ? {1} : {2})", ATOM, (SUM,)),
    "expand": Template("{0}", SIGN, (SIGN,)),
    **{name: name for name in ("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tanh")},
    "arctan": "atan",
    "floor": "floor",
    "fmod": "fmod",
    "abs": "fabs",
    "power": "pow",
    "sigmoid": Helper("""static T sigmoid(T x)
{
    T decay = exp(-fabs(x));
    return (x >= 0 ? 1 : decay) / (1 + decay);
}
"""),
    "softplus": Helper("""static T softplus(T x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}
"""),
    "sign": Helper("""static T sign(T x)
{
    return x > 0 ? (T)1 : x < 0 ? (T)-1 : x;
}
"""),
    "maximum": Helper("""static T maximum(T x, T y)
{
    return (x >= y || x != x) ? x : y;
}
"""),
    "minimum": Helper("""static T minimum(T x, T y)
{
    return (x <= y || x != x) ? x : y;
}
"""),
}
"""How C writes every primitive that acts on each element alone: a template, a function of ``<math.h>``, or a helper.

To add one, add an entry.
"""


class Functions:
    """The functions of primitives; collects the helpers that a file needs."""

    def __init__(self, dtype: str, names: Identifiers, prefix: str) -> None:
        self.dtype = dtype
        self._sources = {name: form.source for name, form in ELEMENTWISE.items() if isinstance(form, Helper)}
        self._names = {helper: names.pick(f"{prefix}_{helper}") for helper in self._sources}
        self._used: set[str] = set()

    def called(self, operation: str) -> str:
        """Return the name of the function for an operation."""
        form = ELEMENTWISE[operation]
        if isinstance(form, Helper):
            self._used.add(operation)
            return self._names[operation]
        assert isinstance(form, str)  # templates are no calls
        return form + ("f" if self.dtype == "float32" else "")

    def source(self) -> str:
        """Return the definitions of the helpers that were used."""
        parts = []
        for helper, source in self._sources.items():
            if helper in self._used:
                text = source.replace(f"T {helper}(", f"T {self._names[helper]}(")
                if self.dtype == "float32":
                    text = _MATHS_CALL.sub(r"\1f(", text)
                parts.append(text.replace("(T)", f"({TYPES[self.dtype]})").replace("T ", f"{TYPES[self.dtype]} "))
        return "\n".join(parts)
