"""Read mathematical text and its form in ASCII; see ``maths_reader.py``."""

from __future__ import annotations

import re

from mpmath import mpf

from maths_reader import FUNCTIONS, GREEK, RAISED, MisprintError, Reader, Value


class TextReader(Reader):
    """Reads mathematical text: ``1/n Σ (w·x_i − y_i)²``."""

    token_pattern = re.compile(
        r"\s+|\d+(?:\.\d+)?(?:e[−-]?\+?\d+)?|[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+|`[^`]+`(?:_[^\W⁰¹²³⁴⁵⁶⁷⁸⁹]+)?|Σ(?!\w)|[^\W\d⁰¹²³⁴⁵⁶⁷⁸⁹]"
        r"[^\W⁰¹²³⁴⁵⁶⁷⁸⁹]*|∂|[-+−·/^()\[\]√]"
    )

    def begins_sum(self) -> bool:
        return self.next == self.signs.sums

    def take_sum(self) -> None:
        self.take(self.signs.sums)

    def exponent(self) -> Value | None:
        if self.next and self.next[0] in RAISED:
            whole = mpf("".join(RAISED[c] for c in self.take()))
            return lambda point: whole
        if self.next == "^":
            self.take()
            return self.factor()
        return None

    def atom(self) -> Value:
        token = self.take()
        if token in ("(", "["):
            found = self.sum()
            self.take({"(": ")", "[": "]"}[token])
            return found
        if token[:1].isdigit():
            value = mpf(token.replace("−", "-"))
            return lambda point: value
        if token == "∂":
            self.take("/")
            self.take("∂")
            name = self.take().strip("`")
            return self.partial(name, self.atom())
        function = self.signs.functions.get(token, token if token not in ("sigmoid", "sqrt") else "")
        if self.next == "(" and function in FUNCTIONS:
            body, apply = self.atom(), FUNCTIONS[function]
            return lambda point: apply(body(point))
        return self.name(token)

    def name(self, token: str) -> Value:
        """Return the value of a name: itself, or a column with the index."""
        found: set[tuple[str, str]] = set()
        if token.startswith("`"):
            name, _, index = token[1:].rpartition("`")
            if not index:
                return self.signs.meaning({("param", name)} & {("param", p) for p in self.signs.params}, token)
            return self.signs.meaning({("sample", name)} if index == f"_{self.signs.index}" else set(), token)
        stem, bar, below = token.rpartition("_")
        found |= {each for each in self.signs.readings(token, "") if each[1] in (token, "π") or each[0] != "param"}
        if bar and below == self.signs.index:
            found |= {("sample", stem)} if stem in self.signs.columns else set()
            found |= {("part", stem)} if stem in self.signs.parts else set()
        elif bar and below.isdigit() and stem in self.signs.columns and token not in self.signs.not_samples:
            found |= {("fixed", f"{stem}|{below}")}
        return self.signs.meaning(found, token)


class PlainReader(TextReader):
    """Reads mathematical text in ASCII: ``1/n sum (w*x_i - y_i)^2``, with ∂ written d, or as it is announced."""

    token_pattern = re.compile(
        r"\s+|\d+(?:\.\d+)?(?:e[-+]?\d+)?|`[^`]+`(?:_\w+)?|del /del |d/d(?=[\w`\\]+\[)|[a-zA-Z_]\w*|\\u\w+"
        r"|[-+*/^()\[\]]"
    )
    minus, times = "-", "*"

    def begins_sum(self) -> bool:
        return self.next == "sum"

    def take_sum(self) -> None:
        self.take("sum")

    def atom(self) -> Value:
        if self.next not in ("d/d", "del /del "):
            return super().atom()
        if self.take() == "d/d" and "d" in self.signs.params | self.signs.columns:
            raise MisprintError("d is a name and the sign of a derivative")
        name = self.known(self.take().strip("`"))
        return self.partial(name, self.atom())

    def known(self, written: str) -> str:
        """Return the name that is written so in ASCII."""
        found = [name for name in sorted(self.signs.params) if in_ascii(name) == written or escaped(name) == written]
        exact = [name for name in found if name == written] or found
        if len(exact) != 1:
            raise MisprintError(f"{written} may be {found}")
        return exact[0]

    def name(self, token: str) -> Value:
        stem = token.strip("`").split("`")[0]
        names = sorted(self.signs.params | self.signs.columns)
        for name in names:
            for shown in {in_ascii(name), escaped(name)} - {name}:
                if stem.startswith(shown) and (name != "π" or "`" in token) and shown not in names:
                    token = token.replace(shown, name, 1)
        return super().name(token)


def in_ascii(name: str) -> str:
    """Return a name with the names of its Greek letters."""
    return "".join(GREEK.get(letter, letter) for letter in name)


def escaped(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode()
