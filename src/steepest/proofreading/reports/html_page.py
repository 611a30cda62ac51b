"""Write a self-contained HTML page that shows documents with each equation marked."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from steepest.display import palette
from steepest.proofreading.reports.findings import VERDICT_WORDS, Documents, Finding, Proof, summary

# Each verdict with its sign and its colour on light and on dark paper; the two browns have the contrast on white that
# the palette's yellow and purple lack.
_LOOKS = {
    "holds": ("✓", palette.GREEN, palette.GREEN), "differs": ("✗", palette.VERMILION, palette.ORANGE),
    "defines": ("≔", palette.BLUE, palette.SKY), "approximation": ("≈", "#8a5a00", palette.YELLOW),
    "not-understood": ("?", "#8a3d6a", palette.PURPLE),
}  # fmt: skip
_WEIGHT = {"differs": 0, "not-understood": 1, "approximation": 2, "defines": 3, "holds": 3}


def as_html(documents: Documents) -> str:
    """Return the page: each document with marks, notes below lines that need attention, and a summary."""
    title = "Proof-read: " + ", ".join(file for file, _ in documents)
    body = "\n".join(_document(file, proof) for file, proof in documents)
    legend = " ".join(
        f'<span class="{verdict}"><b aria-hidden="true">{sign}</b> {VERDICT_WORDS[verdict]}</span>'
        for verdict, (sign, _, _) in _LOOKS.items()
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{_style()}</style>\n</head>\n<body>\n<main>\n<p class=legend>{legend}</p>\n{body}\n"
        "</main>\n</body>\n</html>\n"
    )


def _style() -> str:
    light = "".join(f".{v}{{--c:{c}}}" for v, (_, c, _) in _LOOKS.items())
    dark = f"body{{color:{palette.DARK_INK};background:{palette.DARK_PAPER}}}"
    dark += "".join(f".{v}{{--c:{c}}}" for v, (_, _, c) in _LOOKS.items())
    return (
        f":root{{color-scheme:light dark}}body{{margin:0;color:{palette.INK};background:{palette.PAPER}}}"
        "body{font:16px/1.5 system-ui,sans-serif}"
        "main{max-width:60rem;margin:0 auto;padding:1rem}h1{font-size:1.3rem;overflow-wrap:anywhere}"
        ".source{font:14px/1.6 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}"
        ".legend span{margin-right:1rem;white-space:nowrap}b{color:var(--c)}"
        "mark{color:inherit;background:none;text-decoration:underline;text-decoration-color:var(--c);"
        "text-decoration-thickness:2px;text-underline-offset:3px}"
        "mark.differs{text-decoration-style:wavy;background:color-mix(in srgb,var(--c) 16%,transparent)}"
        "mark.approximation{text-decoration-style:dashed}mark.not-understood{text-decoration-style:dotted}"
        ".note{margin:.3rem 0 .6rem;padding:.4rem .7rem;border-left:4px solid var(--c);white-space:normal;"
        "background:color-mix(in srgb,var(--c) 9%,transparent);font:15px/1.5 system-ui,sans-serif}"
        ".note code{display:block;overflow-wrap:anywhere;font-family:ui-monospace,monospace}"
        f"{light}@media (prefers-color-scheme: dark){{{dark}}}"
    )


def _document(file: str, proof: Proof) -> str:
    return (
        f"<section>\n<h1>{escape(file)}</h1>\n<p>{escape(summary(proof))}</p>\n"
        f'<div class="source">{"".join(_lines(proof))}</div>\n</section>'
    )


def _lines(proof: Proof) -> Iterator[str]:
    """Yield the document line by line: its text with marks, then the notes on equations that end in it."""
    text = proof.text
    shown = _without_overlaps(proof)
    at = 0
    waiting: list[Finding] = []
    for finding in shown:
        yield from _plain(text[at : finding.start], waiting)
        inside = escape(text[finding.start : finding.end])
        hint = escape(f"{VERDICT_WORDS[finding.verdict]}: {finding.message}", quote=True)
        sign = f'<b aria-hidden="true">{_LOOKS[finding.verdict][0]}</b>'
        yield f'<mark class="{finding.verdict}" title="{hint}">{inside}</mark>'
        yield f'<span class="{finding.verdict}">{sign}</span>'
        at = finding.end
        if finding.verdict not in ("holds", "defines"):
            waiting.append(finding)
    yield from _plain(text[at:], waiting)
    yield from map(_note, waiting)


def _plain(text: str, waiting: list[Finding]) -> Iterator[str]:
    """Yield text without marks; pending notes follow its first line."""
    first, newline, rest = text.partition("\n")
    yield escape(first)
    if newline:
        notes = [_note(finding) for finding in waiting]
        waiting.clear()
        yield "".join(notes) if notes else "\n"
        yield escape(rest)


def _note(finding: Finding) -> str:
    cause = f", {finding.cause}" if finding.cause else ""
    corrected = f"<code>{escape(finding.corrected)}</code>" if finding.corrected else ""
    verdict = f"{_LOOKS[finding.verdict][0]} {VERDICT_WORDS[finding.verdict]}{cause}"
    return f'<div class="note {finding.verdict}"><b>{verdict}</b>: {escape(finding.message)}{corrected}</div>'


def _without_overlaps(proof: Proof) -> list[Finding]:
    """Return the findings in order; where two overlap, keep the more important one."""
    taken: list[Finding] = []
    for finding in sorted(proof.findings, key=lambda f: (_WEIGHT[f.verdict], f.start)):
        if finding.end > finding.start and not any(finding.start < t.end and t.start < finding.end for t in taken):
            taken.append(finding)
    return sorted(taken, key=lambda f: f.start)
