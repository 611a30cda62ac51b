"""Writes parts of a formula as LaTeX, and replaces a wrong part by a corrected one.

What the author wrote is kept, down to the spaces; only what changes is written anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from steepest.proofreading.reading.statements import Side
from steepest.proofreading.reading.tree import Node, walk

_TEMPLATES = {
    "group": r"\left({0}\right)", "divide": r"\frac{{{0}}}{{{1}}}", "change": r"\Delta {0}",
    "iverson": r"\left[{0}\right]", "stopped": r"\operatorname{{stopgrad}}\left({0}\right)", "sqrt": r"\sqrt{{{0}}}",
    "else": r"\text{{otherwise}}", "norm": r"\|{0}\|", "abs": r"\left|{0}\right|", "number": "{value}",
    "words": r"\text{{{value}}}",
}  # fmt: skip
"""The LaTeX of kinds of nodes from their value and the LaTeX of their arguments."""

_FUNCTIONS = {
    "sigmoid": r"\sigma", "relu": r"\operatorname{ReLU}", "log": r"\ln", "softmax": r"\operatorname{softmax}",
}  # fmt: skip
_PRODUCT_SIGNS = {"*": r" \odot ", "dot": r" \cdot ", "times": r" \times ", "": " "}
_COMPARISONS = {"<=": r"\le", ">=": r"\ge", "==": "=", "!=": r"\ne"}


class Writer:
    """Knows the text of every node of a document, from all of its sides."""

    def __init__(self, sides: Iterable[Side]) -> None:
        self._has_stars = False
        self._texts: dict[int, str] = {}
        self._kept: list[Node] = []
        for side in sides:
            if side.node is None:
                continue
            self._has_stars = self._has_stars or any(t.text == "*" and t.kind == "sign" for t in side.tokens)
            for node in walk(side.node):
                if 0 <= node.start < node.end:
                    self._texts[id(node)] = side.passage.text[node.start : node.end]
                    self._kept.append(node)  # an id belongs to one node as long as that node lives

    def latex(self, node: Node) -> str:
        """Return a node as LaTeX."""
        known = self._texts.get(id(node))
        if known is not None:
            return known.strip()
        template = _TEMPLATES.get(node.kind)
        if template is not None:
            return template.format(*map(self.latex, node.args), value=node.value)
        method = getattr(self, "_" + node.kind, None)
        return str(method(node)) if method else r"\ldots"

    def spliced(self, side: Side, old: Node, new: Node) -> str:
        """Return the text of a side with one of its parts replaced."""
        text = side.passage.text
        written = self.patched(old, new)
        bare = new.kind in ("add", "negate") and id(new) not in self._texts
        if bare and old is not side.node and old.kind not in ("add", "group", "number"):
            written = rf"\left({written}\right)"
        before, after = text[side.start : old.start], text[old.end : side.end]
        if before and before[-1].isalpha() and written[:1].isalpha():
            written = " " + written
        if written and written[-1].isalpha() and "\\" in written and after[:1].isalpha():
            written += " "
        return " ".join((before + written + after).split())

    def patched(self, old: Node, new: Node) -> str:
        """Return a new node as LaTeX, in the author's words where it agrees with the old one."""
        text = self._texts.get(id(old))
        alike = old.kind == new.kind != "symbol" and old.value == new.value and len(old.args) == len(new.args)
        if text is None or id(new) in self._texts or not alike or any(id(a) not in self._texts for a in old.args):
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

    def _factor(self, node: Node) -> str:
        """Return a node as LaTeX in a place where a factor is written."""
        text = self.latex(node)
        return rf"\left({text}\right)" if node.kind in ("add", "negate") else text

    def _symbol(self, node: Node) -> str:
        written = [(role, self.latex(index)) for role, index in node.indices]
        low = "".join(text for role, text in written if role == "sub")
        high = "".join(f"({t})" if r.startswith("paren") else f"[{t}]" for r, t in written if r != "sub")
        under = "" if "sub" not in node.roles else f"_{low}" if len(low) == 1 else f"_{{{low}}}"
        return node.base + under + (f"^{{{high}}}" if high else "")

    def _add(self, node: Node) -> str:
        parts = []
        for k, (sign, term) in enumerate(zip(node.value, node.args, strict=True)):
            mark = ("-" if sign < 0 else "") if k == 0 else (" - " if sign < 0 else " + ")
            text = self.latex(term)
            parts.append(mark + (rf"\left({text}\right)" if term.kind == "add" or text.startswith("-") else text))
        return "".join(parts)

    def _negate(self, node: Node) -> str:
        return "-" + self._factor(node.args[0])

    def _multiply(self, node: Node) -> str:
        texts = [self._factor(a) for a in node.args]
        found = texts[0]
        for k, (sign, text) in enumerate(zip(node.value, texts[1:], strict=True), start=1):
            mark = " * " if sign == "*" and self._has_stars else _PRODUCT_SIGNS.get(sign, " ")
            if not sign and (text[:1].isdigit() or node.args[k - 1].kind == "sum"):
                mark = r" \cdot "
            found += mark + text
        return found

    def _power(self, node: Node) -> str:
        base = self._factor(node.args[0])
        if node.args[0].kind in ("multiply", "divide", "power", "call"):
            base = rf"\left({base}\right)"
        text = self.latex(node.args[1])
        return f"{base}^{text}" if len(text) == 1 else f"{base}^{{{text}}}"

    def _call(self, node: Node) -> str:
        function, arguments = node.args[0], node.args[1:]
        inner = ", ".join(self.latex(a) for a in arguments)
        if function.kind != "function":
            name = self.latex(function)
        elif function.value == "exp":
            return f"e^{{{inner}}}"
        else:
            name = _FUNCTIONS.get(str(function.value), "\\" + str(function.value))
        return name + "'" * int(node.value or 0) + rf"({inner})"

    def _derivative(self, node: Node) -> str:
        sign = "d" if node.value == "total" else r"\partial "
        by = " ".join(sign + self.latex(v) for v in node.args[1:])
        order = f"^{len(node.args) - 1}" if len(node.args) > 2 else ""
        return rf"\frac{{{sign.strip()}{order} {self.latex(node.args[0])}}}{{{by}}}"

    def _sum(self, node: Node) -> str:
        limits = f"_{node.value}"
        if len(node.args) == 3:
            limits = f"_{{{node.value}={self.latex(node.args[1])}}}^{{{self.latex(node.args[2])}}}"
        sign = r"\sum" if node.kind == "sum" else r"\prod"
        return f"{sign}{limits} {self._factor(node.args[0])}"

    _product = _sum

    def _transpose(self, node: Node) -> str:
        inner = node.args[0]
        symbol = inner.args[0] if inner.kind == "cost_gradient" else inner
        text = self.latex(inner).rstrip()
        if symbol.kind == "symbol" and symbol.roles and symbol.roles[-1] != "sub" and text.endswith("}"):
            return text[:-1] + r"\top}"  # a^{[1]\top}: one superscript, not two
        return f"{self._factor(inner)}^\\top"

    def _cost_gradient(self, node: Node) -> str:
        return ("d" if node.value == "d" else r"\partial ") + self.latex(node.args[0])

    def _compare(self, node: Node) -> str:
        return f"{self.latex(node.args[0])} {_COMPARISONS.get(node.value, node.value)} {self.latex(node.args[1])}"

    def _cases(self, node: Node) -> str:
        return self._rows("cases", node.args, 2)

    def _matrix(self, node: Node) -> str:
        return self._rows("bmatrix", node.args, node.value)

    def _rows(self, environment: str, nodes: Sequence[Node], width: int) -> str:
        cells = [self.latex(node) for node in nodes]
        rows = [" & ".join(cells[k : k + width]) for k in range(0, len(cells), width)]
        return rf"\begin{{{environment}}} " + r" \\ ".join(rows) + rf" \end{{{environment}}}"

    def _tuple(self, node: Node) -> str:
        return rf"\left({', '.join(self.latex(a) for a in node.args)}\right)"

    def _gradient(self, node: Node) -> str:
        by = f"_{{{self.latex(node.args[1])}}}" if len(node.args) > 1 else ""
        return rf"\nabla{by} {self._factor(node.args[0])}"

    def _array_sum(self, node: Node) -> str:
        if node.value is None:
            return rf"\sum {self._factor(node.args[0])}"
        return rf"\operatorname{{np.sum}}({self.latex(node.args[0])}, axis={node.value}, keepdims=True)"
