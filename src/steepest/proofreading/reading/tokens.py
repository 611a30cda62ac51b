r"""Cuts a formula into tokens: commands by name, letters, numbers, signs; layout is dropped, notes become words.

``\left``, ``\,``, ``\label{…}``, ``\tag{…}`` and their like say nothing of the mathematics; ``\mathbf{W}`` is ``W``;
the signs of Unicode are read as the commands that they stand for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from steepest.proofreading.reading.functions import functions
from steepest.proofreading.reading.macros import closing


@dataclass(frozen=True, slots=True)
class Token:
    r"""A sign of a formula.

    Attributes:
        kind: ``number``, ``letter``, ``command`` (σ and ``\hat`` too), ``word`` (a name of several letters),
            ``note`` (text), ``space`` (a wide one), ``sign``.
        text: the sign; of a command its name without backslash.
        start: where it begins in the text.
        end: where it ends.
        glued: whether nothing stands between it and the token before.
    """

    kind: str
    text: str
    start: int
    end: int
    glued: bool = False


class UnreadableError(Exception):
    """A formula holds something that is not understood.

    Attributes:
        token: what.
        start: where it begins in the text of the formula.
        end: where it ends.
    """

    def __init__(self, token: str, start: int, end: int, why: str = "") -> None:
        super().__init__(why or f"{token!r} is not understood")
        self.token, self.start, self.end, self.why = token, start, end, why


_DROPPED = {
    "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "Biggl",
    "Biggr", "middle",
    "displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "nonumber", "notag", "hfill", "centering",
    "allowbreak",
    "!", ",", ":", ";", " ", "/", "relax", "noindent", "break", "newline", "hline", "mathstrut", "strut", "null",
    "protect",
}  # fmt: skip
_SIZES = {
    "left",
    "right",
    "big",
    "Big",
    "bigg",
    "Bigg",
    "bigl",
    "bigr",
    "Bigl",
    "Bigr",
    "biggl",
    "biggr",
    "Biggl",
    "Biggr",
    "middle",
}
_WITH_ARGUMENT = {
    "label",
    "tag",
    "hspace",
    "vspace",
    "phantom",
    "hphantom",
    "vphantom",
    "ref",
    "eqref",
    "cite",
    "color",
    "intertext",
}
_STYLES = {
    "mathbf",
    "boldsymbol",
    "bm",
    "vec",
    "mathit",
    "mathsf",
    "mathtt",
    "mathnormal",
    "pmb",
    "bold",
    "symbf",
    "underline",
    "mathcal",
    "mathscr",
    "mathfrak",
}
_CAPTIONED = {
    "underbrace",
    "overbrace",
    "boxed",
    "cancel",
    "bcancel",
    "fbox",
    "ensuremath",
    "mathop",
    "mathbin",
    "mathrel",
    "mathord",
    "rlap",
    "llap",
    "mathrlap",
    "mathllap",
    "smash",
    "colorbox",
}
_NOTES = {"text", "textrm", "textbf", "textit", "mbox", "textnormal", "textsf", "texttt", "emph", "hbox"}
_NAMES = {"mathrm", "operatorname", "operatorname*", "rm"}
_SPACES = {"quad", "qquad", "enspace", "hskip", "kern"}
_WORDS = (
    "np.sum", "np.dot", "sum", "MSE", "SSE", "RSS", "MAE", "RMSE", "BCE", "loss", "cost", "Loss", "Cost", "Var",
    "argmax", "argmin", "axis", "keepdims", "True", "False", "otherwise", "if", "for", "and", "where",
)  # fmt: skip
"""Names of several letters other than functions; other letters side by side are a product."""
_NO_WORDS = frozenset({"dot"})  # d·o·t is likelier than the product of vectors
_UNICODE = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ϵ": "epsilon", "η": "eta",
    "θ": "theta", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ϕ": "phi", "ψ": "psi", "ω": "omega", "π": "pi",
    "κ": "kappa", "ξ": "xi", "ζ": "zeta", "Δ": "Delta", "Σ": "sum",
    "∑": "sum", "∏": "prod", "∂": "partial", "∇": "nabla", "·": "cdot", "⋅": "cdot", "×": "times", "⊙": "odot",
    "∘": "circ", "≈": "approx", "≤": "le", "≥": "ge",
    "≠": "ne", "→": "to", "∞": "infty", "√": "sqrt", "⇒": "Rightarrow", "⇔": "Leftrightarrow", "≡": "equiv",
    "∈": "in", "…": "dots", "⋯": "cdots", "∼": "sim", "∝": "propto",
    "ℓ": "ell", "⊤": "top", "Θ": "Theta", "Φ": "Phi", "Ω": "Omega", "Λ": "Lambda", "∗": "ast", "←": "leftarrow",
    "±": "pm",
}  # fmt: skip
_EMPTY = re.compile(r"\{\s*\}")
_BOXED = re.compile(r"(?:\s*\{[^{}$]*\})*(?P<box>\s*\{)\s*\$")
_LENGTH = re.compile(r"\s*\*?\s*\[\s*-?[\d.]+\s*(?:em|ex|pt|mm|cm|in|bp|pc|mu|\\\w+)\s*\]")
_MOST = 20_000


@lru_cache(maxsize=1)
def _scanner(spellings: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of one token, in which these functions are words."""
    words = {*_WORDS, *spellings, *(f"np.{spelling}" for spelling in spellings)}
    # Longer words come first, since the first alternative that matches is taken.
    alternatives = "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word))))
    return re.compile(
        r"(?P<space>\s+|~)|(?P<command>\\(?:operatorname\*|[A-Za-z]+\*?|.))|(?P<number>\d+(?:[.,](?=\d)\d+)?|\.\d+)"
        rf"|(?P<word>{alternatives})(?![a-z])"
        r"|(?P<letter>[^\W\d_⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉])|(?P<sign>.)",
        re.DOTALL,
    )


def tokenize(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """The tokens of a formula.

    Raises:
        UnreadableError: it is too long.
    """
    end = len(text) if end is None else end
    scanner = _scanner(frozenset(functions()) - _NO_WORDS)
    found: list[Token] = []
    at, touching, sized = start, False, -1
    while at < end:
        if len(found) > _MOST:
            raise UnreadableError(text[at : at + 10], at, at + 10, "the formula is too long to be read")
        match = scanner.match(text, at, end)
        assert match is not None  # any character is a sign
        kind, piece, here = str(match.lastgroup), match.group(), at
        at = match.end()
        if kind == "space":
            touching = False
            continue
        empty = _EMPTY.match(text, here, end)
        if empty is not None:  # {} = …, as LaTeX spaces a line that goes on
            at, touching = empty.end(), False
            continue
        if kind == "number":
            comma = piece.replace(",", ".")
            if "," in piece:  # 0,5 is read as two numbers: (0,5) is a point far more often
                piece, at = piece.split(",")[0], here + piece.index(",")
                comma = piece
            found.append(Token("number", comma, here, at, touching))
        elif kind == "letter" and piece in _UNICODE:
            found.append(Token("command", _UNICODE[piece], here, at, touching))
        elif kind == "command":
            before = len(found)
            at = _command(text, piece[1:], here, at, end, touching, found)
            if len(found) == before and piece[1:] in _SIZES:
                sized = here if sized < 0 else sized
                continue
        elif kind == "sign" and piece in _UNICODE:
            found.append(Token("command", _UNICODE[piece], here, at, touching))
        elif kind == "sign" and piece in "⁰¹²³⁴⁵⁶⁷⁸⁹":
            found.append(Token("sign", "^", here, here, touching))
            found.append(Token("number", str("⁰¹²³⁴⁵⁶⁷⁸⁹".index(piece)), here, at, True))
        elif kind == "sign" and piece in "₀₁₂₃₄₅₆₇₈₉":
            found.append(Token("sign", "_", here, here, touching))
            found.append(Token("number", str("₀₁₂₃₄₅₆₇₈₉".index(piece)), here, at, True))
        else:
            piece = {"−": "-", "–": "-", "’": "'", "′": "'", "∗": "*"}.get(piece, piece)
            found.append(Token(kind, piece, here, at, touching))
        if sized >= 0:  # \\left belongs to its bracket
            found[-1] = replace(found[-1], start=sized)
            sized = -1
        touching = True
    return found


def _command(text: str, name: str, here: int, at: int, end: int, touching: bool, found: list[Token]) -> int:
    """Add the tokens of one command; returns where reading goes on."""
    if name == "\\":  # the end of a row, perhaps with a space below it
        found.append(Token("command", name, here, at, touching))
        length = _LENGTH.match(text, at, end)
        return length.end() if length else at
    starred = name.rstrip("*") or name
    if name in _DROPPED:
        if name in ("left", "right") and re.match(r"\s*\.", text[at : at + 5]):
            return text.index(".", at) + 1
        return at
    if name in _SPACES:
        found.append(Token("space", name, here, at))
        return at
    if starred in _WITH_ARGUMENT:
        return _after_group(text, at, end)
    opening = re.compile(r"\s*\{").match(text, at, end)
    close = closing(text[:end], opening.end() - 1) if opening else None
    inner = text[opening.end() : close] if opening and close is not None else ""
    if name in _NOTES:
        if opening is None or close is None:
            return at
        plain = inner.strip()
        if plain in functions() or plain in ("MSE", "BCE", "CE"):
            found.append(Token("word", plain, here, close + 1, touching))
        else:
            found.append(Token("note", plain, here, close + 1, touching))
        return close + 1
    if name in _NAMES and opening is not None and close is not None:
        plain = inner.strip()
        if len(plain) == 1 and plain.isalpha():
            found.append(Token("letter", plain, here, close + 1, touching))
        elif re.fullmatch(r"[A-Za-z](?:[A-Za-z0-9 .-]|\\?_)*", plain):
            found.append(Token("word", re.sub(r"[ \\]", "", plain), here, close + 1, touching))
        else:
            found.extend(tokenize(text, opening.end(), close))
        return close + 1
    if name in _STYLES and opening and close is not None and inner.strip() == "1":
        found.append(Token("letter", "\\mathbf{1}", here, close + 1, touching))
        return close + 1
    if name in _STYLES | _CAPTIONED:
        if name in ("mathcal", "mathscr") and opening and close is not None and re.fullmatch(r"\s*[A-Za-z]\s*", inner):
            found.append(Token("letter", rf"\mathcal{{{inner.strip()}}}", here, close + 1, touching))
            return close + 1
        if opening and close is not None:
            found.extend(tokenize(text, opening.end(), close))
            if name in ("underbrace", "overbrace") and (
                under := re.compile(r"\s*[_^]\s*(?=\{)").match(text, close + 1)
            ):
                return _after_group(text, under.end(), end)
            return close + 1
        return at
    boxed = _BOXED.match(text, at, end) if name.isalpha() else None
    if boxed is not None:  # a macro of the document that sets its last argument in a box
        close = closing(text[:end], boxed.end("box") - 1)
        stop = text.rfind("$", boxed.end(), close) if close is not None else -1
        if close is not None and stop >= boxed.end():
            found.extend(tokenize(text, boxed.end(), stop))
            return close + 1
    if name in ("begin", "end"):
        if opening is None or close is None:
            raise UnreadableError(f"\\{name}", here, at)
        after = close + 1
        if name == "begin" and inner.strip("* ") in ("array", "alignedat", "tabular"):
            after = _after_group(text, after, end)
        found.append(Token("command", f"{name}:{inner.strip().rstrip('*')}", here, after, touching))
        return after
    alias = {
        "gt": ">", "lt": "<",
        "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "leq": "le", "geq": "ge", "neq": "ne", "leqslant": "le",
        "geqslant": "ge", "varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "rightarrow": "to",
        "longrightarrow": "to", "prime": "'", "ldots": "dots", "ast": "*", "star": "*", "widehat": "hat",
        "overline": "bar", "widetilde": "tilde", "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]",
        "vert": "|", "lvert": "|", "rvert": "|", "Vert": "||", "lVert": "||", "rVert": "||", "|": "||",
        "coloneqq": ":=", "coloneq": ":=", "implies": "Rightarrow", "iff": "Leftrightarrow", "gets": "leftarrow",
        "intercal": "top", "hadamard": "odot", "circ": "odot", "otimes": "odot", "colon": ":", "ReLU": "relu",
        "approxeq": "approx", "simeq": "approx", "doteq": "approx", "cdotp": "cdot", "dotsc": "dots", "dotsb": "dots",
        "lparen": "(", "rparen": ")", "bf": "", "it": "", "cal": "", "sf": "", "tt": "",
    }.get(name, name)  # fmt: skip
    if not alias:
        return at
    kind = "sign" if alias in ("<", ">", "'", "*", "|", "||", ":=", "[", "]", ":", "(", ")") else "command"
    found.append(Token(kind, alias, here, at, touching))
    return at


def _after_group(text: str, at: int, end: int) -> int:
    """Where reading goes on after an argument that is not read."""
    opening = re.compile(r"\s*\{").match(text, at, end)
    close = closing(text[:end], opening.end() - 1) if opening else None
    return at if close is None else close + 1
