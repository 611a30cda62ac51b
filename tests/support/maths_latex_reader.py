"""Read mathematics in LaTeX; see ``maths_reader.py``."""

from __future__ import annotations

import re

from mpmath import mp, mpf

from maths_reader import FUNCTIONS, GREEK, MisprintError, Reader, Value, both


class LatexReader(Reader):
    """Reads LaTeX: ``\\frac{1}{n} \\sum_{i=1}^{n} \\left(w \\cdot x_{i} - y_{i}\\right)^{2}``."""

    token_pattern = re.compile(
        r"\s+|\\left[(|\[]|\\right[)|\]]|\\mathrm|\\operatorname|\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|."
    )
    minus, times, over = "-", r"\cdot", "no such sign"

    def begins_sum(self) -> bool:
        return self.next == r"\sum"

    def take_sum(self) -> None:
        self.take(r"\sum")
        index, count = self.raw("_"), self.raw("^")
        if index != f"{self.signs.index}=1" or count != self.signs.count:
            raise MisprintError(f"a sum from {index} to {count}, where {self.signs.index} is the index")

    def raw(self, sign: str = "") -> str:
        """Return the text of a group in braces, after a sign."""
        if sign:
            self.take(sign)
        self.take("{")
        found, depth = "", 1
        while depth:
            token = self.take()
            if not token:
                raise MisprintError(f"a brace is not closed in {self.tokens}")
            depth += {"{": 1, "}": -1}.get(token, 0)
            found += token if depth else ""
        return found

    def group(self) -> Value:
        self.take("{")
        found = self.sum()
        self.take("}")
        return found

    def exponent(self) -> Value | None:
        if self.next != "^":
            return None
        self.take()
        return self.group()

    def atom(self) -> Value:
        token = self.take()
        if token in (r"\left(", r"\left["):
            found = self.sum()
            self.take({r"\left(": r"\right)", r"\left[": r"\right]"}[token])
            return found
        if token[:1].isdigit():
            value = mpf(token)
            return lambda point: value
        if token == r"\frac":
            return both(self.group(), "/", self.group())
        if token == r"\sqrt":
            inside = self.group()
            return lambda point: mp.sqrt(inside(point))
        if token == r"\partial":
            name = self.wrt()
            return self.partial(name, self.atom())
        if token in (r"\ln", r"\exp", r"\sin", r"\cos", r"\arctan", r"\tanh", r"\operatorname") or (
            token == r"\sigma" and self.next == r"\left("
        ):
            return self.applied(token)
        return self.symbol(token)

    def applied(self, token: str) -> Value:
        word = self.raw() if token == r"\operatorname" else {r"\ln": "log", r"\sigma": "σ"}.get(token, token[1:])
        function = self.signs.functions.get(word, word if word != "sigmoid" else "")
        if function not in FUNCTIONS:
            raise MisprintError(f"{word} is no function that is known")
        if word == "σ" and {"sigma", "σ"} & self.signs.params:
            raise MisprintError("σ is a name and a function")
        body, apply = self.atom(), FUNCTIONS[function]
        return lambda point: apply(body(point))

    def wrt(self) -> str:
        self.take("_")
        inner = LatexReader(self.raw("").strip(), self.signs)
        readings = {each for each in inner.named() if each[0] in ("param", "count", "index", "number")}
        names = {name for kind, name in readings if kind == "param"}
        if len(names) != 1 or len(readings) != 1:
            raise MisprintError(f"∂ with respect to {readings}")
        return names.pop()

    def named(self) -> set[tuple[str, str]]:
        token = self.take()
        exact = ""
        if token == r"\mathrm":
            stem = exact = self.raw().replace("\\", "")
        else:
            stem = token.removeprefix("\\")
            stem = next((letter for letter, name in GREEK.items() if name == stem), stem)
        layer = ""
        if self.next == "^" and self.tokens[self.place + 2 : self.place + 3] == ["("]:
            layer = self.raw("^").strip("()")
        below = self.raw("_") if self.next == "_" else ""
        if layer:
            part = stem + layer
            return {("part", part)} if below == self.signs.index and part in self.signs.parts else set()
        if exact and below == self.signs.index:
            return {("sample", exact)} & {("sample", name) for name in self.signs.columns}
        if exact:
            return {("param", exact)} & {("param", name) for name in self.signs.params}
        return self.signs.readings(stem, below)

    def symbol(self, token: str) -> Value:
        self.place -= 1
        return self.signs.meaning(self.named(), token)
