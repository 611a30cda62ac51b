"""Writes parts of a formula as LaTeX, and puts a corrected part in the place of a wrong one.

What the author wrote stays as it is, down to the spaces; only what changes is written anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from steepest.proofreading.reading.statements import Side
from steepest.proofreading.reading.tree import Node, walk


class Writer:
    """Knows in which text each node stands."""

    def __init__(self) -> None:
        self.star = False
        self._texts: dict[int, str] = {}
        self._kept: list[Node] = []

    def take(self, side: Side) -> None:
        """Remember the nodes of a member."""
        if side.node is None:
            return
        self.star = self.star or any(t.text == "*" and t.kind == "sign" for t in side.tokens)
        for node in walk(side.node):
            if 0 <= node.start < node.end:
                self._texts[id(node)] = side.passage.text[node.start : node.end]
                self._kept.append(node)  # an id is of one node as long as that lives

    def latex(self, node: Node) -> str:
        """A node as LaTeX."""
        known = self._texts.get(id(node))
        if known is not None:
            return known.strip()
        method = getattr(self, "_" + node.kind, None)
        if method is None:
            return r"\ldots"
        text: str = method(node)
        return text

    def spliced(self, side: Side, old: Node, new: Node) -> str:
        """The text of a member with one of its parts replaced."""
        text = side.passage.text
        written = self.patched(old, new)
        if (
            new.kind in ("add", "negate")
            and old is not side.node
            and old.kind not in ("add", "group", "number")
            and id(new) not in self._texts
        ):
            written = rf"\left({written}\right)"
        before, after = text[side.start : old.start], text[old.end : side.end]
        if before and before[-1].isalpha() and written[:1].isalpha():
            written = " " + written
        if written and written[-1].isalpha() and "\\" in written and after[:1].isalpha():
            written += " "
        return " ".join((before + written + after).split())

    def patched(self, old: Node, new: Node) -> str:
        """A new node in the words of the old one as far as they agree."""
        text = self._texts.get(id(old))
        alike = (
            old.kind == new.kind and old.value == new.value and len(old.args) == len(new.args) and old.kind != "symbol"
        )
        if (
            text is None
            or id(new) in self._texts
            or not alike
            or any(id(a) not in self._texts for a in old.args if a is not old)
        ):
            return self.latex(new)
        pieces: list[str] = []
        at = old.start
        for one, other in sorted(zip(old.args, new.args, strict=True), key=lambda pair: pair[0].start):
            if one.start < at or one.end > old.end:
                return self.latex(new)
            pieces.append(text[at - old.start : one.start - old.start])
            changed = self._texts[id(one)] if one is other else self.patched(one, other)
            if pieces[-1][-1:].isalpha() and "\\" in pieces[-1][-12:] and changed[:1].isalpha():
                changed = " " + changed
            pieces.append(changed)
            at = one.end
        return "".join([*pieces, text[at - old.start :]])

    def factor(self, node: Node) -> str:
        """A node where a factor stands."""
        text = self.latex(node)
        return rf"\left({text}\right)" if node.kind in ("add", "negate") else text

    def _number(self, node: Node) -> str:
        return str(node.value)

    def _symbol(self, node: Node) -> str:
        subs = [self.latex(a) for r, a in zip(node.roles, node.args, strict=True) if r == "sub"]
        ups = [
            f"({self.latex(a)})" if r.startswith("paren") else f"[{self.latex(a)}]"
            for r, a in zip(node.roles, node.args, strict=True)
            if r != "sub"
        ]
        low = "".join(subs)
        under = "" if not subs else f"_{low}" if len(low) == 1 else f"_{{{low}}}"
        return node.base + under + (f"^{{{''.join(ups)}}}" if ups else "")

    def _group(self, node: Node) -> str:
        return rf"\left({self.latex(node.args[0])}\right)"

    def _add(self, node: Node) -> str:
        parts = []
        for k, (sign, term) in enumerate(zip(node.value, node.args, strict=True)):
            mark = ("-" if sign < 0 else "") if k == 0 else (" - " if sign < 0 else " + ")
            text = self.latex(term)
            parts.append(mark + (rf"\left({text}\right)" if term.kind == "add" or text.startswith("-") else text))
        return "".join(parts)

    def _negate(self, node: Node) -> str:
        return "-" + self.factor(node.args[0])

    def _multiply(self, node: Node) -> str:
        texts = [self.factor(a) for a in node.args]
        found = texts[0]
        for k, (sign, text) in enumerate(zip(node.value, texts[1:], strict=True), start=1):
            mark = {"*": " * " if self.star else r" \odot ", "dot": r" \cdot ", "times": r" \times "}.get(sign, " ")
            if not sign and (text[:1].isdigit() or node.args[k - 1].kind == "sum"):
                mark = r" \cdot "
            found += mark + text
        return found

    def _divide(self, node: Node) -> str:
        return rf"\frac{{{self.latex(node.args[0])}}}{{{self.latex(node.args[1])}}}"

    def _power(self, node: Node) -> str:
        base = self.factor(node.args[0])
        if node.args[0].kind in ("multiply", "divide", "power", "call"):
            base = rf"\left({base}\right)"
        text = self.latex(node.args[1])
        return f"{base}^{text}" if len(text) == 1 else f"{base}^{{{text}}}"

    def _call(self, node: Node) -> str:
        function, arguments = node.args[0], node.args[1:]
        names: Mapping[str, str] = {
            "sigmoid": r"\sigma",
            "relu": r"\operatorname{ReLU}",
            "log": r"\ln",
            "softmax": r"\operatorname{softmax}",
        }
        name = (
            names.get(str(function.value), "\\" + str(function.value))
            if function.kind == "function"
            else self.latex(function)
        )
        inner = ", ".join(self.latex(a) for a in arguments)
        if function.kind == "function" and function.value == "exp":
            return f"e^{{{inner}}}"
        return name + "'" * int(node.value or 0) + rf"({inner})"

    def _derivative(self, node: Node) -> str:
        sign = "d" if node.value == "total" else r"\partial "
        by = " ".join(sign + self.latex(v) for v in node.args[1:])
        order = f"^{len(node.args) - 1}" if len(node.args) > 2 else ""
        return rf"\frac{{{sign.strip()}{order} {self.latex(node.args[0])}}}{{{by}}}"

    def _sum(self, node: Node) -> str:
        limits = (
            f"_{{{node.value}={self.latex(node.args[1])}}}^{{{self.latex(node.args[2])}}}"
            if len(node.args) == 3
            else f"_{node.value}"
        )
        return rf"\sum{limits} {self.factor(node.args[0])}"

    def _transpose(self, node: Node) -> str:
        inner = node.args[0]
        if inner.kind == "symbol" and inner.roles and inner.roles[-1] != "sub":
            text = self.latex(inner).rstrip()
            if text.endswith("}"):
                return text[:-1] + r"\top}"
        if (
            inner.kind == "cost_gradient"
            and inner.args[0].kind == "symbol"
            and inner.args[0].roles
            and inner.args[0].roles[-1] != "sub"
        ):
            text = self.latex(inner).rstrip()
            if text.endswith("}"):
                return text[:-1] + r"\top}"
        return f"{self.factor(inner)}^\\top"

    def _cost_gradient(self, node: Node) -> str:
        return ("d" if node.value == "d" else r"\partial ") + self.latex(node.args[0])

    def _change(self, node: Node) -> str:
        return r"\Delta " + self.latex(node.args[0])

    def _compare(self, node: Node) -> str:
        sign = {"<=": r"\le", ">=": r"\ge", "==": "=", "!=": r"\ne"}.get(node.value, node.value)
        return f"{self.latex(node.args[0])} {sign} {self.latex(node.args[1])}"

    def _iverson(self, node: Node) -> str:
        return rf"\left[{self.latex(node.args[0])}\right]"

    def _stopped(self, node: Node) -> str:
        return rf"\operatorname{{stopgrad}}\left({self.latex(node.args[0])}\right)"

    def _sqrt(self, node: Node) -> str:
        return rf"\sqrt{{{self.latex(node.args[0])}}}"

    def _cases(self, node: Node) -> str:
        rows = [f"{self.latex(v)} & {self.latex(c)}" for v, c in zip(node.args[::2], node.args[1::2], strict=True)]
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

    def _else(self, node: Node) -> str:
        return r"\text{otherwise}"

    def _words(self, node: Node) -> str:
        return rf"\text{{{node.value}}}"

    def _matrix(self, node: Node) -> str:
        cells = [self.latex(a) for a in node.args]
        rows = [" & ".join(cells[k : k + node.value]) for k in range(0, len(cells), node.value)]
        return r"\begin{bmatrix} " + r" \\ ".join(rows) + r" \end{bmatrix}"

    def _tuple(self, node: Node) -> str:
        return rf"\left({', '.join(self.latex(a) for a in node.args)}\right)"

    def _norm(self, node: Node) -> str:
        return rf"\|{self.latex(node.args[0])}\|"

    def _abs(self, node: Node) -> str:
        return rf"\left|{self.latex(node.args[0])}\right|"

    def _gradient(self, node: Node) -> str:
        by = f"_{{{self.latex(node.args[1])}}}" if len(node.args) > 1 else ""
        return rf"\nabla{by} {self.factor(node.args[0])}"

    def _array_sum(self, node: Node) -> str:
        if node.value is None:
            return rf"\sum {self.factor(node.args[0])}"
        return rf"\operatorname{{np.sum}}({self.latex(node.args[0])}, axis={node.value}, keepdims=True)"

    def _product(self, node: Node) -> str:
        return self._sum(node).replace(r"\sum", r"\prod", 1)
