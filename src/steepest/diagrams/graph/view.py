"""The view of a graph: boxes and the links between them, with their texts and numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steepest.diagrams.graph.explaining import whole
from steepest.diagrams.graph.folding import Group
from steepest.diagrams.graph.names import summary
from steepest.diagrams.graph.numbers import Numbers
from steepest.display.labels import described, latex_sign, pretty, sign, written
from steepest.expressions.expression import Expression
from steepest.expressions.latex import latex_name
from steepest.expressions.notation import notation_of, written_in
from steepest.expressions.printing import quoted
from steepest.messages.sentences import counted


@dataclass(frozen=True, eq=False)
class Box:
    """A node, or the box of a folded layer."""

    key: str  # what links refer to
    name: str  # of the node or group
    kind: str  # ``leaf``, ``operation`` or ``group``
    label: str  # the text in it
    latex: str
    below: str  # the text beneath it: the name of an operation's result, the size of a group
    latex_below: str
    gradient: str  # of a node with several users, which no single wire shows; empty for any other
    title: str  # operation, value, gradient and local derivatives in a sentence


@dataclass(frozen=True)
class Link:
    """A wire from a box to one that uses it; the output of the graph has an empty ``target``."""

    source: str
    target: str
    value: str
    gradient: str
    title: str


@dataclass(frozen=True)
class View:
    """The boxes, each after those that feed it, and the links."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]


class Viewer:
    """Writes the numbers of a graph for its nodes and links."""

    def __init__(self, numbers: Numbers, names: Mapping[Expression, str], layers: Mapping[Expression, str]) -> None:
        self.numbers, self.names, self._layers = numbers, names, layers
        self._whole = whole(numbers, names)
        # Names are quoted within formulas, and shown bare in the drawing.
        self._quoted = {node: quoted(name) if node.is_leaf else name for node, name in names.items()}

    def view(self, groups: Sequence[Group]) -> View:
        """Return the boxes and links with these groups folded, in the notation of the whole graph."""
        with written_in(notation_of([self.numbers.root])):
            return self._view(groups)

    def _view(self, groups: Sequence[Group]) -> View:
        numbers = self.numbers
        group_of = {node: group for group in groups for node in group.nodes}
        keys: dict[Expression | Group, str] = {}
        for node in numbers.nodes:
            keys.setdefault(group_of.get(node, node), f"n{len(keys)}")
        shares: dict[tuple[Expression, str], list[tuple[Expression, int]]] = {}
        for user in numbers.nodes:
            target = group_of.get(user, user)
            for k, arg in enumerate(user.args):
                if arg in self.names and (group_of.get(arg, arg) is not target):
                    shares.setdefault((arg, keys[target]), []).append((user, k))
        counts = Counter(arg for arg, _ in shares)
        links = [
            self._link(arg, keys[group_of.get(arg, arg)], target, steps) for (arg, target), steps in shares.items()
        ]
        end = keys[group_of.get(numbers.root, numbers.root)]
        links.append(Link(end, "", self.value(numbers.root), "1", self.sentence(numbers.root)))
        boxes = [
            self._group(what, key) if isinstance(what, Group) else self._node(what, key, counts[what])
            for what, key in keys.items()
        ]
        return View(tuple(self._in_order(boxes, links)), tuple(links))

    def value(self, node: Expression) -> str:
        """Return a node's value in a few signs."""
        return self.numbers.shown(self.numbers.values[node], node)

    def gradient(self, node: Expression) -> str:
        """Return a node's gradient in a few signs."""
        return self.numbers.shown(self.numbers.adjoints[node], node)

    def local(self, user: Expression, k: int) -> str:
        """Return the derivative of a node with respect to its k-th argument: ``∂e/∂a = −1``."""
        part = self.numbers.local[user, k]
        left = f"∂{self.names[user]}/∂{self.names[user.args[k]]}"
        if part.factor is None:
            assert part.rule is not None  # there is no factor
            assert part.adjoint is not None
            adjoint = f"∂{self._whole}/∂{self.names[user]}"
            return f"{left} contributes {written(part.rule, self._quoted, {part.adjoint: adjoint})}"
        text = written(part.factor, self._quoted)
        factor = self.numbers.of_sample(np.asarray(part.value), part.factor.per_sample)
        shown = summary(factor, part.factor.per_sample and factor.ndim > len(part.factor.shape))
        return f"{left} = {text}" + (f" = {shown}" if shown != text else "")

    def sentence(self, node: Expression) -> str:
        """Return a node's operation, value, gradient and local derivatives."""
        name = self.names[node]
        start = f"{name} = " if node.is_leaf else f"{name} = {described(node, self._quoted)} = "
        parts = [start + self.value(node), f"∂{self._whole}/∂{name} = {self.gradient(node)}"]
        parts += [self.local(node, k) for k, arg in enumerate(node.args) if arg in self.names]
        return "; ".join(dict.fromkeys(parts))

    def _link(self, arg: Expression, source: str, target: str, steps: list[tuple[Expression, int]]) -> Link:
        gradient = self.numbers.shown(np.asarray(sum(self.numbers.shares[step] for step in steps)), arg)
        locals_ = "; ".join(dict.fromkeys(self.local(*step) for step in steps[:4]))
        more = f"; and {len(steps) - 4} more" if len(steps) > 4 else ""
        title = f"{self.names[arg]} = {self.value(arg)}; gradient along this edge {gradient}; "
        return Link(source, target, self.value(arg), gradient, title + locals_ + more)

    def _node(self, node: Expression, key: str, uses: int) -> Box:
        name = self.names[node]
        layer = node in self._layers
        shown, latex = pretty(name, layer), f"${latex_name(name, layer=layer)}$"
        # No single wire shows the whole of it: several come together here, or the wire is one sample's.
        shared = self.numbers.sample is not None and self.numbers.samples > 1 and not node.per_sample
        total = self.gradient(node) if uses > 1 or (shared and node.is_leaf) else ""
        if node.is_leaf:
            return Box(key, name, "leaf", shown, latex, "", "", total, self.sentence(node))
        gate = sign(node), f"${latex_sign(node)}$"
        return Box(key, name, "operation", *gate, shown, latex, total, self.sentence(node))

    def _group(self, group: Group, key: str) -> Box:
        inner = [node for node in self.numbers.nodes if node in group.nodes]
        own = [self.names[node] for node in inner if node.is_leaf]
        listed = ", ".join(own) if len(own) <= 6 else f"{', '.join(own[:3])}, …, {own[-1]}"
        size = counted(len(inner), "node")
        title = f"{group.label}: {size}{f', with {listed}' if own else ''}; {self.sentence(inner[-1])}"
        return Box(key, group.name, "group", group.label, "", size, "", "", title)

    def _in_order(self, boxes: list[Box], links: list[Link]) -> list[Box]:
        """Sort boxes so that each follows those that feed it (a folded layer comes with its first node)."""
        feeding: dict[str, list[str]] = {box.key: [] for box in boxes}
        waiting = {box.key: 0 for box in boxes}
        for link in links:
            if link.target:
                feeding[link.source].append(link.target)
                waiting[link.target] += 1
        known = {box.key: box for box in boxes}
        ready = [box.key for box in boxes if not waiting[box.key]]
        found: list[Box] = []
        for key in ready:
            found.append(known[key])
            for target in feeding[key]:
                waiting[target] -= 1
                if not waiting[target]:
                    ready.append(target)
        return found
