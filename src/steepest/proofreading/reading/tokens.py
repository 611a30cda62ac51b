r"""Splits a formula into tokens: commands by name, letters, numbers, signs; layout is dropped, notes become words.

``\left``, ``\,``, ``\label{…}``, ``\tag{…}`` and their like are skipped; ``\mathbf{W}`` is ``W``; Unicode signs are
read as the commands with their meaning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isinf

from steepest.proofreading.reading.macros import closing
from steepest.proofreading.reading.vocabulary import functions


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a formula."""

    # ``number``, ``letter``, ``command`` (σ and ``\hat`` too), ``word`` (a name of several letters), ``note`` (text),
    # ``space`` (a wide one), ``sign``.
    kind: str
    text: str  # the characters; for a command its name without backslash
    start: int  # its offset in the text
    end: int
    glued: bool = False  # whether it follows the token before without a space


class UnreadableError(Exception):
    """A formula contains something that is not understood."""

    def __init__(self, token: str, why: str = "") -> None:
        super().__init__(why or f"{token!r} is not understood")
        self.token = token


_DROPPED = {
    "displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "nonumber", "notag", "hfill", "centering",
    "allowbreak",
    "!", ",", ":", ";", " ", "/", "relax", "noindent", "break", "newline", "hline", "mathstrut", "strut", "null",
    "protect",
}  # fmt: skip
"""Commands of layout, which say nothing of the mathematics."""
_SIZES = {
    "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "Biggl",
    "Biggr", "middle",
}  # fmt: skip
_WITH_ARGUMENT = {
    "label", "tag", "hspace", "vspace", "phantom", "hphantom", "vphantom", "ref", "eqref", "cite", "color",
    "intertext",
}  # fmt: skip
_STYLES = {
    "mathbf", "boldsymbol", "bm", "vec", "mathit", "mathsf", "mathtt", "mathnormal", "pmb", "bold", "symbf",
    "underline", "mathcal", "mathscr", "mathfrak",
}  # fmt: skip
_CAPTIONED = {
    "underbrace", "overbrace", "boxed", "cancel", "bcancel", "fbox", "ensuremath", "mathop", "mathbin", "mathrel",
    "mathord", "rlap", "llap", "mathrlap", "mathllap", "smash", "colorbox",
}  # fmt: skip
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
_COMMAND_ALIASES = {
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
}  # fmt: skip
_SUPERSCRIPTS, _SUBSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"
_EMPTY = re.compile(r"\{\s*\}")
_BOXED = re.compile(r"(?:\s*\{[^{}$]*\})*(?P<box>\s*\{)\s*\$")
_LENGTH = re.compile(r"\s*\*?\s*\[\s*-?[\d.]+\s*(?:em|ex|pt|mm|cm|in|bp|pc|mu|\\\w+)\s*\]")
_MAX_TOKENS = 20_000  # of one formula


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
    """Return the tokens of a formula; raise UnreadableError if it is too long."""
    end = len(text) if end is None else end
    scanner = _scanner(frozenset(functions()) - _NO_WORDS)
    found: list[Token] = []
    at, touching, sized = start, False, -1
    while at < end:
        if len(found) > _MAX_TOKENS:
            raise UnreadableError(text[at : at + 10], "the formula is too long to be read")
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
            if "," in piece:  # 0,5 is read as two numbers: (0,5) is a point far more often
                piece, at = piece.split(",")[0], here + piece.index(",")
            if isinf(float(piece)):
                raise UnreadableError(piece[:10], f"the number {piece[:10]}… has too many digits")
            found.append(Token("number", piece, here, at, touching))
        elif kind == "command":
            before = len(found)
            at = _command(text, piece[1:], here, at, end, touching, found)
            if len(found) == before and piece[1:] in _SIZES:
                sized = here if sized < 0 else sized
                continue
        elif piece in _UNICODE:
            found.append(Token("command", _UNICODE[piece], here, at, touching))
        elif kind == "sign" and (piece in _SUPERSCRIPTS or piece in _SUBSCRIPTS):
            mark, digits = ("^", _SUPERSCRIPTS) if piece in _SUPERSCRIPTS else ("_", _SUBSCRIPTS)
            found.append(Token("sign", mark, here, here, touching))
            found.append(Token("number", str(digits.index(piece)), here, at, True))
        else:
            piece = {"−": "-", "–": "-", "’": "'", "′": "'", "∗": "*"}.get(piece, piece)
            found.append(Token(kind, piece, here, at, touching))
        if sized >= 0:  # \\left belongs to its bracket
            found[-1] = replace(found[-1], start=sized)
            sized = -1
        touching = True
    return found


def with_joined_signs(tokens: Sequence[Token]) -> list[Token]:
    """Join ``:`` and ``=`` to one token, and ``<`` and ``=`` likewise."""
    found: list[Token] = []
    for token in tokens:
        pair = (found[-1].text if found else "") + token.text
        if pair in (":=", "<=", ">=", "==") and token.kind == "sign" and token.glued:
            text = {"<=": "le", ">=": "ge", "==": "="}.get(pair, pair)
            found[-1] = Token("sign", text, found[-1].start, token.end, found[-1].glued)
        else:
            found.append(token)
    return found


def _command(text: str, name: str, here: int, at: int, end: int, touching: bool, found: list[Token]) -> int:
    """Add the tokens of one command, and return the offset where reading continues."""
    if name == "\\":  # the end of a row, perhaps with a space below it
        found.append(Token("command", name, here, at, touching))
        length = _LENGTH.match(text, at, end)
        return length.end() if length else at
    starred = name.rstrip("*") or name
    if name in _DROPPED or name in _SIZES:
        if name in ("left", "right") and re.match(r"\s*\.", text[at : at + 5]):
            return text.index(".", at) + 1
        return at
    if name in _SPACES:
        found.append(Token("space", name, here, at))
        return at
    if starred in _WITH_ARGUMENT:
        return _after_group(text, at, end)
    group = _group(text, at, end)
    if name in _NOTES | _STYLES | _CAPTIONED or (name in _NAMES and group is not None):
        return at if group is None else _styled(text, name, here, group, end, touching, found)
    boxed = _BOXED.match(text, at, end) if name.isalpha() else None
    if boxed is not None:  # a macro of the document that sets its last argument in a box
        close = closing(text[:end], boxed.end("box") - 1)
        stop = text.rfind("$", boxed.end(), close) if close is not None else -1
        if close is not None and stop >= boxed.end():
            found.extend(tokenize(text, boxed.end(), stop))
            return close + 1
    if name in ("begin", "end"):
        if group is None:
            raise UnreadableError(f"\\{name}")
        inner, after = text[slice(*group)], group[1] + 1
        if name == "begin" and inner.strip("* ") in ("array", "alignedat", "tabular"):
            after = _after_group(text, after, end)
        found.append(Token("command", f"{name}:{inner.strip().rstrip('*')}", here, after, touching))
        return after
    alias = _COMMAND_ALIASES.get(name, name)
    if not alias:
        return at
    kind = "sign" if alias in ("<", ">", "'", "*", "|", "||", ":=", "[", "]", ":", "(", ")") else "command"
    found.append(Token(kind, alias, here, at, touching))
    return at


def _styled(
    text: str, name: str, here: int, group: tuple[int, int], end: int, touching: bool, found: list[Token]
) -> int:
    """Add the tokens of a note, a name or styled mathematics, and return the offset where reading continues."""
    begin, close = group
    plain = text[begin:close].strip()
    if name in _NOTES:
        kind = "word" if plain in functions() or plain in ("MSE", "BCE", "CE") else "note"
        found.append(Token(kind, plain, here, close + 1, touching))
    elif name in _NAMES and len(plain) == 1 and plain.isalpha():
        found.append(Token("letter", plain, here, close + 1, touching))
    elif name in _NAMES and re.fullmatch(r"[A-Za-z](?:[A-Za-z0-9 .-]|\\?_)*", plain):
        found.append(Token("word", re.sub(r"[ \\]", "", plain), here, close + 1, touching))
    elif name in _STYLES and plain == "1":
        found.append(Token("letter", "\\mathbf{1}", here, close + 1, touching))
    elif name in ("mathcal", "mathscr") and re.fullmatch("[A-Za-z]", plain):
        found.append(Token("letter", rf"\mathcal{{{plain}}}", here, close + 1, touching))
    else:
        found.extend(tokenize(text, begin, close))
    caption = re.compile(r"\s*[_^]\s*(?=\{)").match(text, close + 1)
    if name in ("underbrace", "overbrace") and caption is not None:
        return _after_group(text, caption.end(), end)
    return close + 1


def _group(text: str, at: int, end: int) -> tuple[int, int] | None:
    """Return begin and end of the text inside the braces that follow; None if none follow."""
    opening = re.compile(r"\s*\{").match(text, at, end)
    close = closing(text[:end], opening.end() - 1) if opening else None
    return None if opening is None or close is None else (opening.end(), close)


def _after_group(text: str, at: int, end: int) -> int:
    """Return the offset after an argument that is skipped."""
    group = _group(text, at, end)
    return at if group is None else group[1] + 1
