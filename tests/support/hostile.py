"""Names that try to be code where they are written, and a model, a table and texts that are full of them.

Each payload calls ``pwn`` with its own number, or asks ``evil.example`` for it, so that a test can say which one got
through, and can see that a page has it at all.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import steepest as st
from steepest.expressions.printing import quoted

HOST = "http://evil.example/"
_FOR_FORMULAS = [
    "<script>{call}</script>", '"><img src=x onerror={call}>', "'><img src=x onerror={call}>",
    "]]><script>{call}</script>", "</title><script>{call}</script>", "</desc></svg><script>{call}</script>",
    "</script><script>{call}</script>", "--><script>{call}</script>", "</style><script>{call}</script>",
    "<svg onload={call}>", '<svg xmlns="http://www.w3.org/2000/svg"><script>{call}</script></svg>',
    '"><g xmlns="http://www.w3.org/2000/svg" onload="{call}"/><a b="', "javascript:{call}",
    '" onmouseover="{call}" x="', "' onmouseover='{call}' x='",
    '<math><annotation-xml encoding="text/html"><img src=x onerror={call}></annotation-xml></math>',
    "</mi></math><img src=x onerror={call}>", '<iframe srcdoc="<script>parent.{call}</script>"></iframe>',
    "<a href=javascript:{call}>x</a>", "<details open ontoggle={call}>x</details>", '";{call};//', "');{call};//",
    '\\";{call};//', "${{{call}}}", "&lt;script&gt;{call}&lt;/script&gt;", "%{{x}}<script>{call}</script>",
    "$<script>{call}</script>$", "<img src={url}>", "<link rel=stylesheet href={url}>",
    "<style>@import '{url}';</style>", "url({url})", '<image href="{url}"/>',
    '<meta http-equiv=refresh content="0;url={url}">', "very long " * 40 + "<script>{call}</script>",
]  # fmt: skip
_FOR_GROUPS = [
    "`<img src=x onerror={call}>`", "```\n<script>{call}</script>", "one\n\n<script>{call}</script>\n\ntwo",
    "\u202e<script>{call}</script>\u202c", "\ufeff<script>{call}</script>", "\x1b[31m<script>{call}</script>\x07",
    "a | b\n--- | ---\n<script>{call}</script>", "\u2028<script>{call}</script>\x85",
]  # fmt: skip
_INERT = [
    '<a href="{url}">x</a>',
    "expression({call})", '{{{{constructor.constructor("{call}")()}}}}', r"\href{{javascript:{call}}}{{x}}",
    "<scr\u00adipt>{call}</scr\u00adipt>", "<?xml-stylesheet href='{url}'?>", "<!--{call}", "<![CDATA[{call}",
    "[x](javascript:{call})", "![x]({url})", '<!DOCTYPE x [<!ENTITY y "{call}">]>&y;',
]  # fmt: skip


def _made(patterns: list[str], first: int) -> list[str]:
    return [p.format(call=f"pwn({k})", url=f"{HOST}{k}") for k, p in enumerate(patterns, start=first)]


HARMFUL = _made(_FOR_FORMULAS, 100)
"""Names that a formula takes, each of which acts in a page that writes it as it is."""
GROUPED = _made(_FOR_GROUPS, 200)
"""Names with characters that a formula does not take; columns of a feature group may have them."""
INERT = [name for name in _made(_INERT, 300) if name.isprintable()]
"""Names that a formula takes and that act on other readers, or on none today."""
NAMES = HARMFUL + INERT
PACKS = [INERT[0] + "".join(HARMFUL[k::4]) for k in range(4)]
"""All harmful ones in four names, for pictures that have few, each after a link, which plotly makes of such a text."""


def numbers(text: str) -> set[int]:
    """The numbers of the payloads in a text."""
    return {int(call or url) for call, url in re.findall(rf"pwn\((\d+)\)|{HOST}(\d+)", text)}


def neuron(names: list[str]) -> tuple[st.Model, dict[str, Any]]:
    """A neuron whose target, columns and parameters have these names, each one of them, and a table to fit it to."""
    target, *rest = names
    columns, params = rest[::2], rest[1::2]
    terms = [f"{quoted(x)}*{quoted(w)}" for x, w in zip(columns, params, strict=False)]
    terms += [quoted(x) for x in columns[len(params) :]]
    rng = np.random.default_rng(1)
    table: dict[str, Any] = {name: rng.normal(size=6) for name in columns}
    table[target] = np.array([0.0, 1, 1, 0, 1, 0])
    return st.Model(f"{quoted(target)} ~ sigmoid({' + '.join(terms)})", data=[*columns, target]), table


def network(names: list[str]) -> tuple[st.Model, dict[str, Any]]:
    """A network with these names as columns of its feature group, and a table to fit it to."""
    rng = np.random.default_rng(2)
    table: dict[str, Any] = {name: rng.normal(size=6) for name in names}
    table["t"] = np.array([0.0, 1, 1, 0, 1, 0])
    return st.models.network([len(names), 2, 1], features=list(names), target="t"), table
