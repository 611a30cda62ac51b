"""Characters that one notation has and another lacks: superscripts, subscripts, Greek letters, LaTeX's own signs.

The writers of text, ASCII, LaTeX and TikZ share these tables, which are independent of expressions.
"""

from __future__ import annotations

import re

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"
RAISED = dict(zip(SUPERSCRIPTS + "⁺⁻⁼⁽⁾ⁿⁱᵀˡᵐʲᵏ", "0123456789+-=()niTlmjk", strict=True))
"""What each superscript character raises."""
LOWERED = dict(zip(SUBSCRIPTS + "₊₋₌₍₎ₐₑᵢⱼₖₗₘₙₒₚₓ", "0123456789+-=()aeijklmnopx", strict=True))
"""What each subscript character lowers."""
RUNS = re.compile(
    f"[{re.escape(''.join(RAISED))}]+|[{re.escape(''.join(LOWERED))}]+|.[\u0300-\u036f\u20d7]*", re.DOTALL
)
"""The parts in which a text is rewritten: runs of superscripts, of subscripts, and letters with their accents."""

# fmt: off
GREEK_NAMES = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
    "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
)
# fmt: on
GREEK_LETTERS = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", GREEK_NAMES, strict=True))
"""The Greek letters that LaTeX has a command for, and its name; the others look like Latin letters."""

_ESCAPED = {sign: "\\" + sign for sign in "{}$%&#_"}
TEXT_ESCAPES = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", **_ESCAPED}
"""The characters that LaTeX reads as commands, as running text shows them."""
# \^{} and \~{} are accents of text only; in formulas the accents are \hat and \tilde.
MATHS_ESCAPES = {"\\": r"\backslash ", "~": r"\tilde{\ }", "^": r"\hat{\ }", " ": r"\ ", **_ESCAPED}
"""The same characters, as formulas show them."""
# What pictures write in words and pdfLaTeX has no letters for in text.
_SIGNS = {
    "−": "$-$", "…": r"\dots{}", "·": r"$\cdot$", "∞": r"$\infty$", "∂": r"$\partial$", "‖": r"$\|$", "×": r"$\times$",
    "⋮": r"$\vdots$", "⋯": r"$\cdots$", **{letter: f"$\\{name}$" for letter, name in GREEK_LETTERS.items()},
}  # fmt: skip


def latex_text(text: str) -> str:
    """Return plain text as LaTeX shows it, Greek letters and mathematical signs as mathematics.

    >>> latex_text("50% of λ_1"), latex_text("−2 … 3")
    ('50\\\\% of $\\\\lambda$\\\\_1', '$-$2 \\\\dots{} 3')
    """
    return "".join(TEXT_ESCAPES.get(sign) or _SIGNS.get(sign, sign) for sign in text)


_MATHEMATICAL = re.compile("([" + "".join(sign for sign, latex in _SIGNS.items() if latex.startswith("$")) + "])")


def latex_text_in_formula(text: str) -> str:
    r"""Return plain text for a formula, with mathematical signs outside, for not every reader takes them inside.

    >>> latex_text_in_formula("insert ∂a/∂b")
    '\\text{insert }\\partial \\text{a/}\\partial \\text{b}'
    """
    parts = enumerate(_MATHEMATICAL.split(text))
    return "".join(
        f"{_SIGNS[part].strip('$')} " if k % 2 else rf"\text{{{latex_text(part)}}}" for k, part in parts if part
    )


_MARKUP = re.compile(r"([\\`*_{}\[\]$|~])")


def markdown_text(text: str) -> str:
    r"""Return plain text with escapes for what Markdown, or the HTML in it, would read as markup.

    >>> markdown_text("a_b <c>")
    'a\\_b &lt;c&gt;'
    """
    return _MARKUP.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def markdown_formula(latex: str) -> str:
    r"""Return a formula without what a reader of Markdown that knows no formulas takes for HTML, a link or an image.

    >>> markdown_formula("a < ![b](c)")
    'a \\lt  ![b]{}(c)'
    """
    return latex.replace("<", r"\lt ").replace(">", r"\gt ").replace("](", "]{}(")


_TO_SUPERSCRIPT = str.maketrans({ascii: sign for sign, ascii in RAISED.items()})
_TO_SUBSCRIPT = str.maketrans({ascii: sign for sign, ascii in LOWERED.items()})
_TO_BASELINE = str.maketrans(RAISED | LOWERED)


def superscript(text: str) -> str:
    """Return digits and signs as superscripts.

    >>> superscript("-12")
    '⁻¹²'
    """
    return text.translate(_TO_SUPERSCRIPT)


def subscript(text: str) -> str:
    """Return digits and signs as subscripts."""
    return text.translate(_TO_SUBSCRIPT)


def baseline(text: str) -> str:
    """Return superscripts and subscripts as ordinary characters.

    >>> baseline("10⁻⁷")
    '10-7'
    """
    return text.translate(_TO_BASELINE)
