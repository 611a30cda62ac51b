"""The style of papers as pages: a readable measure, light and dark, narrow screens, print."""

from __future__ import annotations

from steepest.display.palette import BLUE, DARK_INK, DARK_PAPER, INK, PAPER, SKY

STYLE = f"""\
:root{{color-scheme:light dark;--ink:{INK};--paper:{PAPER};--faint:#5a5a5a;--line:#c8c8c8;--link:{BLUE};--code:#f4f4f2}}
@media (prefers-color-scheme:dark){{:root{{
--ink:{DARK_INK};--paper:{DARK_PAPER};--faint:#a9a7a3;--line:#4a4d52;--link:{SKY};--code:#22252a}}}}
*{{box-sizing:border-box}}
html{{background:var(--paper);color:var(--ink);
font:100%/1.55 "Iowan Old Style","Palatino Linotype",Palatino,Georgia,serif;
-webkit-text-size-adjust:100%;text-size-adjust:100%}}
body{{margin:0 auto;max-width:52rem;padding:1.5rem 1.25rem 4rem;overflow-wrap:break-word}}
h1,h2,h3,h4{{line-height:1.25;font-weight:600;margin:2.2em 0 .6em}}
h1{{font-size:1.8rem;margin-top:.6em}}h2{{font-size:1.35rem}}h3{{font-size:1.1rem}}h4{{font-size:1rem}}
p,ul,figcaption,caption{{max-width:40rem}}
.subtitle{{font-size:1.1rem;color:var(--faint);max-width:none}}
a{{color:var(--link)}}a:focus-visible,[tabindex]:focus-visible{{outline:2px solid var(--link);outline-offset:2px}}
main:focus{{outline:none}}
.skip{{position:absolute;left:-99rem}}.skip:focus{{position:static}}
nav ul{{list-style:none;padding:0;margin:1.5rem 0;font-size:.95rem}}
.level2{{padding-left:1.5em}}.level3{{padding-left:3em}}
math{{font-family:"Latin Modern Math","STIX Two Math","Cambria Math","Noto Sans Math",math;font-size:1.05em}}
math[display=block]{{margin:0;text-align:left;display:inline math;math-style:normal}}
.line{{display:block;padding:.15em 0}}.line+.line{{padding-left:1.2em}}
mtd[columnalign=left]{{text-align:left}}
.displayed{{display:block;margin:.7em 0 .7em 1.5em;overflow-x:auto;overflow-y:hidden}}
.equations{{display:grid;grid-template-columns:max-content max-content 1fr max-content;
overflow-x:auto;overflow-y:hidden;margin:1.2em 0;padding:.2em 0}}
.equation{{display:grid;grid-column:1/-1;grid-template-columns:subgrid;align-items:first baseline;padding:.4em 0}}
.equation:target{{background:var(--code)}}
.left{{grid-column:1;text-align:right;padding-left:1em}}.right{{grid-column:2;padding-left:.35em}}
.long .right{{grid-column:2/4}}
.apart .left{{grid-column:1/4;text-align:left}}.apart .right{{grid-row:2}}
.rule{{color:var(--faint);font-size:.88rem}}.beside{{grid-column:3;padding-left:2em}}
.below{{grid-column:2/4;padding-left:2.2em;max-width:min(36em,calc(100vw - 8rem))}}
.number{{grid-column:4;padding-left:1.5em;text-align:right;position:sticky;right:0;background:var(--paper)}}
.equation:target .number{{background:var(--code)}}
.scrolling{{overflow-x:auto;margin:1.6em 0}}
table{{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}}
caption{{text-align:left;padding-bottom:.5em;font-size:1rem;width:max-content;max-width:min(40rem,90vw)}}
th,td{{text-align:left;vertical-align:top;padding:.25em .6em;white-space:nowrap;font-weight:400}}
thead th{{font-weight:600;vertical-align:bottom}}.numeric{{text-align:right}}.words{{white-space:normal;min-width:9em}}
thead{{border-top:2px solid;border-bottom:1px solid}}tbody{{border-bottom:2px solid}}
figure{{margin:2em 0}}.alternative{{border:1px solid var(--line);padding:.8em 1em}}
figure svg{{max-width:100%;height:auto}}figcaption{{margin-top:.5em}}
pre{{background:var(--code);padding:.8em 1em;overflow-x:auto;font-size:.88rem;line-height:1.45}}
code{{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}}
@media (max-width:44rem){{
body{{padding:1rem .8rem 3rem}}h1{{font-size:1.5rem}}
.left{{padding-left:0}}.equations{{grid-template-columns:max-content max-content 0 1fr}}
.beside{{grid-row:2;grid-column:2/4;padding-left:1.5em;white-space:nowrap}}.number{{padding-left:1em}}}}
@page{{margin:2cm}}
@media print{{
:root{{--ink:#000;--paper:#fff;--faint:#333;--line:#888;--link:#000;--code:#f4f4f4}}
html{{font-size:10.5pt}}body{{max-width:none;padding:0}}nav,.skip{{display:none}}a{{text-decoration:none}}
h1,h2,h3,h4{{break-after:avoid}}.equation,figure,pre,tr,li{{break-inside:avoid}}thead{{display:table-header-group}}
p{{orphans:3;widows:3}}.equations,.scrolling,.displayed,pre{{overflow:visible}}pre{{white-space:pre-wrap}}
.number{{position:static}}}}
"""
"""The style sheet of every page."""
