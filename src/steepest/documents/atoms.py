"""Read LaTeX mathematics as a row of atoms with widths, between which a line can be broken.

The widths are those of Computer Modern at its design size of 10 pt, in em, rounded to hundredths, which the other
usual mathematical fonts come near to; sizes of brackets and stacked parts are estimated.

Source: the metrics of cmmi10 and cmr10 (Knuth 1986, Computer Modern Typefaces); spaces, Knuth 1984, The TeXbook, 18.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field

# fmt: off
_ITALIC = dict(zip(string.ascii_letters, (
    53, 43, 43, 52, 47, 60, 51, 58, 34, 47, 55, 32, 88, 60, 48, 50, 48, 48, 47, 36, 57, 52, 74, 57, 53, 51,
    75, 81, 79, 86, 80, 78, 79, 91, 52, 65, 92, 68, 108, 91, 79, 78, 79, 77, 67, 72, 79, 81, 108, 91, 80, 75,
), strict=True))
_ROMAN = dict(zip(string.ascii_letters, (
    50, 56, 44, 56, 44, 38, 51, 56, 28, 31, 53, 28, 83, 56, 50, 56, 53, 39, 39, 39, 56, 54, 74, 53, 54, 44,
    75, 71, 72, 76, 68, 65, 78, 75, 36, 51, 78, 63, 92, 75, 78, 68, 78, 74, 56, 72, 75, 76, 104, 75, 78, 61,
), strict=True))
_GREEK = {
    "Gamma": 75, "Delta": 83, "Theta": 79, "Lambda": 69, "Xi": 82, "Pi": 91, "Sigma": 84, "Upsilon": 72, "Phi": 67,
    "Psi": 72, "Omega": 82, "alpha": 64, "beta": 62, "gamma": 57, "delta": 48, "epsilon": 41, "zeta": 51, "eta": 53,
    "theta": 50, "iota": 35, "kappa": 58, "lambda": 58, "mu": 60, "nu": 56, "xi": 48, "pi": 61, "rho": 52, "sigma": 61,
    "tau": 55, "upsilon": 58, "phi": 60, "chi": 63, "psi": 69, "omega": 66, "varepsilon": 47,
}
_SIGNS = {
    "partial": 59, "infty": 100, "nabla": 83, "top": 78, "ldots": 117, "cdots": 117, "vdots": 28, "ddots": 128,
    "dots": 117, "vert": 28, "lvert": 28, "rvert": 28, "Vert": 50, "lVert": 50, "rVert": 50, "backslash": 50, "ell": 42,
    "{": 50, "}": 50, "%": 83, "#": 83, "$": 50, "&": 78, "_": 50, "^": 50, "~": 50, "lt": 78, "gt": 78, "prime": 28,
}
_SPACES = {",": 0.167, ":": 0.222, ";": 0.278, "!": -0.167, " ": 0.333, "quad": 1.0, "qquad": 2.0}
# fmt: on
_BINARY = {
    "cdot": 28,
    "times": 78,
    "odot": 78,
    "circ": 50,
    "pm": 78,
    "ast": 50,
    "otimes": 78,
    "oplus": 78,
    "bmod": 203,
}  # fmt: skip
_RELATIONS = dict.fromkeys(("le", "ge", "ne", "approx", "equiv", "sim", "in", "leq", "geq", "neq", "propto"), 78) | {
    "to": 100, "mapsto": 100, "Rightarrow": 100, "coloneqq": 106, "rightarrow": 100, "leftarrow": 100,
}  # fmt: skip
_FUNCTIONS = (
    "ln", "log", "exp", "sin", "cos", "tan", "arctan", "arcsin", "arccos", "tanh", "sinh", "cosh", "max", "min", "lim",
    "det", "arg", "sup",
)  # fmt: skip
_LARGE = {"sum": 1.44, "prod": 1.28, "int": 1.0, "max": 0.0, "min": 0.0, "lim": 0.0}
_TEXTS = ("text", "mathrm", "operatorname", "textbf", "textit", "mathbf", "mathsf", "mathtt")
_ARGUMENTS = dict.fromkeys((*_TEXTS, "mathbb", "mathcal", "boldsymbol", "sqrt", "^", "_", "small"), 1) | {
    **dict.fromkeys(("hat", "bar", "tilde", "dot", "ddot", "vec", "overline", "widehat"), 1),
    **dict.fromkeys(("frac", "dfrac", "tfrac", "binom"), 2),
}
_SIZES = re.compile(r"(left|right|[bB]igg?[lrm]?)$")
_TOKENS = re.compile(r"\\(?:begin|end)\{\w+\*?\}|\\[a-zA-Z]+\*?|\\.|\s+|.", re.DOTALL)

ORDINARY, BINARY, RELATION, LARGE, OPEN, CLOSE, SPACE, FRACTION = range(8)
SCRIPT = 0.7  # the size of what is raised or lowered
_THIN, _MEDIUM, _THICK = 0.167, 0.222, 0.278


@dataclass(slots=True)
class Atom:
    """A part of a formula within which no line is broken."""

    text: str  # its LaTeX
    width: float  # em, with the space around a sign
    kind: int = ORDINARY
    depth: int = 0  # how many brackets enclose it
    tall: bool = False  # whether it is higher than a letter with an index
    parts: tuple[str, ...] = ()  # numerator and denominator of a fraction
    scripts: dict[str, float] = field(default_factory=lambda: {"^": 0.0, "_": 0.0})  # widths of what these set


def character_width(character: str, italic: bool = False) -> float:
    """Return the width of a character in em."""
    widths = _ITALIC if italic else _ROMAN
    if character in widths:
        return widths[character] / 100
    if character in " ,.;:'!()[]|/ijl":
        return 0.33
    return 0.5 if character.isdigit() else 0.8 if ord(character) > 127 or character in "%&@#+=<>—" else 0.5


def text_width(text: str) -> float:
    """Return the width of running text in em."""
    return sum(map(character_width, text))


@dataclass(slots=True)
class _Wanted:
    """A command whose arguments are still to come."""

    command: str
    begin: int
    found: list[tuple[float, str, bool]] = field(default_factory=list)


@dataclass(slots=True)
class _Frame:
    """A group that is still open: braces, or an environment."""

    begin: int
    roman: bool = False
    spaced: bool = False
    tight: bool = False
    atoms: list[Atom] = field(default_factory=list)
    wanted: list[_Wanted] = field(default_factory=list)
    opens: list[int] = field(default_factory=list)
    rows: list[list[float]] = field(default_factory=lambda: [[]])

    def width(self) -> float:
        return sum(atom.width for atom in self.atoms)

    def end_cell(self) -> None:
        self.rows[-1].append(self.width())
        self.atoms.clear()
        self.opens.clear()


class _Reader:
    """Reads tokens from left to right, with a stack of open groups."""

    def __init__(self, latex: str) -> None:
        self.tokens: list[str] = _TOKENS.findall(latex)
        self.stack = [_Frame(0)]
        self.at = 0

    def read(self) -> list[Atom]:
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token.startswith("\\") and len(token) > 1:
                self._command(token[1:], self.at - 1)
            else:
                self._character(token, self.at - 1)
        while len(self.stack) > 1:  # a text that ends too early
            self._close_group()
        return self.stack[0].atoms

    def _source(self, begin: int) -> str:
        return "".join(self.tokens[begin : self.at])

    def _character(self, token: str, begin: int) -> None:
        frame = self.stack[-1]
        if token == "{":
            wanted = frame.wanted[-1].command if frame.wanted else ""
            text = wanted in _TEXTS
            tight = frame.tight or wanted in ("^", "_")
            self.stack.append(_Frame(begin, frame.roman or text, frame.spaced or wanted.startswith("text"), tight))
        elif token == "}":
            if len(self.stack) > 1:
                self._close_group()
        elif token in ("^", "_") and not frame.spaced:
            frame.wanted.append(_Wanted(token, begin))
        elif token == "&" and len(self.stack) > 1:
            frame.end_cell()
        elif token.isspace() and not frame.spaced:
            if frame.atoms:
                frame.atoms[-1].text += token
        elif token in "([)]" and not frame.roman:
            self._bracket(token in "([", begin)
        elif token in "+-=<>" and not frame.roman:
            self._sign(RELATION if token in "=<>" else BINARY, 0.78, begin)
        else:
            self._add(Atom(token, character_width(token, not frame.roman)), begin)

    def _command(self, name: str, begin: int) -> None:
        frame = self.stack[-1]
        bare = name.rstrip("*")
        if name.startswith("begin{"):
            self.stack.append(_Frame(begin, tight=frame.tight))
        elif name.startswith("end{") and len(self.stack) > 1:
            frame.end_cell()
            self.stack.pop()
            columns = max(map(len, frame.rows))
            longest = sum(max((row[k] for row in frame.rows if k < len(row)), default=0.0) for k in range(columns))
            self._add(Atom("", longest + columns * 1.0 + 0.9, tall=True), frame.begin)
        elif name == "\\":
            if len(self.stack) > 1:
                frame.end_cell()
                frame.rows.append([])
        elif _SIZES.match(name) and self.at < len(self.tokens):
            self.at += 1
            if name == "left" or name.endswith("l"):
                self._bracket(True, begin)
            elif name == "right" or name.endswith("r"):
                self._bracket(False, begin)
            else:
                self._add(Atom("", 0.6), begin)
        elif bare in _LARGE or bare in _FUNCTIONS:
            width = (_LARGE.get(bare) or text_width(bare)) + _THIN
            self._add(Atom("", width, LARGE if bare in _LARGE else ORDINARY, tall=bare in ("sum", "prod")), begin)
        elif bare in _ARGUMENTS:
            frame.wanted.append(_Wanted(bare, begin))
        elif name in _SPACES:
            self._add(Atom("", _SPACES[name], SPACE), begin)
        elif name in _BINARY or name in _RELATIONS:
            kind, widths = (BINARY, _BINARY) if name in _BINARY else (RELATION, _RELATIONS)
            self._sign(kind, widths[name] / 100, begin)
        else:
            self._add(Atom("", _GREEK.get(name, _SIGNS.get(name, 80)) / 100), begin)

    def _sign(self, kind: int, width: float, begin: int) -> None:
        frame = self.stack[-1]
        before = [atom for atom in frame.atoms if atom.kind != SPACE]
        if kind == BINARY and (not before or before[-1].kind in (BINARY, RELATION, OPEN, LARGE)):
            kind = ORDINARY  # of one operand
        space = 0.0 if frame.tight or kind == ORDINARY else 2 * (_MEDIUM if kind == BINARY else _THICK)
        self._add(Atom("", width + space, kind), begin)

    def _bracket(self, opens: bool, begin: int) -> None:
        frame = self.stack[-1]
        stretches = self.at - begin > 1
        if opens:
            frame.opens.append(len(frame.atoms))
            self._add(Atom("", 0.42 + (_THIN if stretches else 0), OPEN), begin)
            return
        tall = False
        if frame.opens:
            first = frame.opens.pop()
            tall = stretches and any(atom.tall for atom in frame.atoms[first:])
            if tall and first < len(frame.atoms):
                frame.atoms[first].width += 0.3
                frame.atoms[first].tall = True
        self._add(Atom("", 0.42 + 0.3 * tall, CLOSE, tall=tall), begin)

    def _close_group(self) -> None:
        frame = self.stack.pop()
        tall = any(atom.tall for atom in frame.atoms)
        self._add(Atom("", frame.width(), tall=tall), frame.begin)

    def _add(self, atom: Atom, begin: int) -> None:
        """Put an atom into the open group, or give it to the command that waits for it."""
        frame = self.stack[-1]
        atom.text = self._source(begin)
        while frame.wanted:
            wanted = frame.wanted[-1]
            wanted.found.append((atom.width, atom.text, atom.tall))
            if len(wanted.found) < _ARGUMENTS[wanted.command]:
                return
            frame.wanted.pop()
            if wanted.command in ("^", "_"):
                self._script(frame, wanted)
                return
            atom = self._applied(frame, wanted)
            atom.text = self._source(wanted.begin)
        atom.depth = len(frame.opens) - (atom.kind == OPEN)
        frame.atoms.append(atom)

    def _script(self, frame: _Frame, wanted: _Wanted) -> None:
        width = SCRIPT * wanted.found[0][0]
        if not frame.atoms:
            frame.atoms.append(Atom("", 0.0))
        base = frame.atoms[-1]
        base.text += self._source(wanted.begin)
        before = max(base.scripts.values())
        # A limit of a large sign adds only the width by which it overhangs.
        base.scripts[wanted.command] = max(0.0, width - base.width) if base.kind == LARGE else width + 0.05
        base.width += max(base.scripts.values()) - before

    def _applied(self, frame: _Frame, wanted: _Wanted) -> Atom:
        width, tall = max(found[0] for found in wanted.found), any(found[2] for found in wanted.found)
        if _ARGUMENTS[wanted.command] == 2:
            parts = tuple(text[1:-1] if text.startswith("{") else text for _, text, _ in wanted.found)
            inner = 1.0 if len(self.stack) == 1 else SCRIPT
            return Atom("", width * inner + 0.24, FRACTION, tall=True, parts=parts)
        if wanted.command == "sqrt":
            return Atom("", width + 0.85, tall=tall)
        if wanted.command == "operatorname":
            width += _THIN
        return Atom("", width * (1.1 if wanted.command in ("mathbf", "mathbb", "boldsymbol") else 1.0), tall=tall)


def atoms(latex: str) -> list[Atom]:
    r"""Split a formula into its atoms.

    >>> [atom.text for atom in atoms(r"\frac{1}{n} + x_{i}^{2}")]
    ['\\frac{1}{n} ', '+ ', 'x_{i}^{2}']
    """
    return _Reader(latex).read()


def width(latex: str) -> float:
    """Return the width of a formula in displayed form, in em.

    >>> 1.0 < width("x + y") - width("x") < 2.0
    True
    """
    return sum(atom.width for atom in atoms(latex))
