"""Chromium without a network, and what a page does in it: payloads that run, dialogs, requests, errors."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, sync_playwright

from hostile import HOST, numbers

_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]  # fmt: skip
Visit = Callable[..., None]
PLOTLY = ["script"] * 3  # its configuration, its library, the picture
_SETTLED = 20  # milliseconds after which what a page has begun has reached us
# Open what is folded, and do to every element what a reader might. Links that lead elsewhere are among what a name
# might add; pictures of plotly take no events but real ones.
_ACT = """() => {
  const stay = event => {
    const link = event.target.closest("a");
    const to = link && (link.getAttribute("href") || link.getAttribute("xlink:href"));
    if (link && !/^\\s*javascript:/i.test(to)) event.preventDefault();
  };
  document.addEventListener("click", stay, true);
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  for (const element of document.querySelectorAll("*")) {
    if (element.closest(".js-plotly-plot")) continue;
    for (const kind of ["mouseenter", "mouseover", "mousemove", "mouseout"])
      element.dispatchEvent(new MouseEvent(kind, {bubbles: true}));
    for (const kind of ["focus", "toggle", "load"]) element.dispatchEvent(new Event(kind));
    element.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
  }
}"""
# What a name might add to a page, and the text that is there to see or to read aloud.
_LOOK = """() => {
  const found = [], texts = [];
  const risky = new Set(["script", "iframe", "frame", "object", "embed", "foreignobject", "base", "link", "form",
                         "input", "animate", "set", "video", "audio", "annotation-xml"]);
  const addresses = new Set(["href", "xlink:href", "src", "srcset", "srcdoc", "action", "formaction", "data"]);
  for (const element of document.querySelectorAll("*")) {
    const tag = element.localName.toLowerCase();
    if (tag === "parsererror") found.push("parsererror " + element.textContent);
    if (risky.has(tag)) found.push(tag);
    for (const {name, value} of element.attributes) {
      if (/^on/i.test(name)) found.push(`${tag} ${name}`);
      if (addresses.has(name) && !/^(#|data:image[/](png|svg|gif))/.test(value)) found.push(`${tag} ${name}=${value}`);
      texts.push(value);
    }
  }
  texts.push(document.documentElement.textContent);
  return [found, texts.join("\\n")];
}"""


@dataclass
class Seen:
    """What happened while a page was open."""

    ran: set[int] = field(default_factory=set)  # numbers of payloads that ran or asked for something
    dialogs: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)  # elements and attributes that can act
    text: str = ""

    @property
    def events(self) -> list[str]:
        """All that a harmless page does not do."""
        return [*map(str, sorted(self.ran)), *self.dialogs, *self.requests, *self.errors]


class Browser:
    """One Chromium for many pages."""

    def __init__(self, context: Any) -> None:
        self._seen = Seen()
        self._allowed = self._blocked = lambda url: False
        context.expose_binding("pwn", lambda source, number: self._seen.ran.add(int(number)))
        context.on("request", self._requested)
        context.on("weberror", lambda error: self._seen.errors.append(str(error.error)))
        context.on("dialog", self._dialog)
        context.route("**/*", self._answer)
        self._context = context
        self._open()

    def _open(self) -> None:
        self._page = self._context.new_page()
        self._page.on("console", self._console)

    def visit(
        self, file: Path, act: Callable[[Any], None] | None = None, blocked: Callable[[str], bool] = lambda url: False
    ) -> Seen:
        """Open a file, do to it what readers do, and return what happened; requests that are ``blocked`` are expected.

        Its policy is not obeyed, so that it is the page itself that does nothing.
        """
        self._seen = seen = Seen()
        own = file.resolve().as_uri()
        self._allowed = lambda url: url == own or url.startswith(("data:image/", "blob:file", "blob:null"))
        self._blocked = blocked
        page = self._page
        page.goto(own, wait_until="load")
        page.wait_for_timeout(_SETTLED)
        try:
            seen.added, seen.text = page.evaluate(_LOOK)
            title = page.title()
            page.evaluate(_ACT)
            if act is not None:
                act(page)
            page.wait_for_timeout(_SETTLED)
            seen.added += [each for each in page.evaluate(_LOOK)[0] if each not in seen.added]
            seen.errors += [f"another title: {page.title()}"] * (page.title() != title)
            seen.errors += [f"it went to {page.url}"] * (page.url.partition("#")[0] != own)
        except Error as error:  # the page went away
            seen.errors.append(str(error))
        if seen.events:  # nothing of it reaches the next one
            page.close()
            self._open()
        return seen

    def _requested(self, request: Any) -> None:
        if not self._allowed(request.url) and not self._blocked(request.url):
            self._seen.requests.append(request.url)
            self._seen.ran |= numbers(request.url) if request.url.startswith(HOST) else set()

    def _answer(self, route: Any) -> None:
        if self._allowed(route.request.url):
            route.continue_()
        else:
            route.abort()

    def _dialog(self, dialog: Any) -> None:
        self._seen.dialogs.append(dialog.message)
        dialog.dismiss()

    def _console(self, message: Any) -> None:
        if message.type == "error" and not self._blocked(message.location.get("url", "")):
            self._seen.errors.append(message.text)


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Start Debian's Chromium with a profile of its own; Playwright brings none."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), args=_FLAGS, bypass_csp=True
        )
        try:
            yield Browser(context)
        finally:
            context.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def harmless(browser: Browser, tmp_path: Path) -> Visit:
    """Write a page, open it, and see that it has the payloads of these names and that none of them does anything."""

    def visit(
        text: str, suffix: str, names: Sequence[str], act: Any = None, added: Sequence[str] = (), linked: bool = False,
        **more: Any,
    ) -> None:  # fmt: skip
        file = tmp_path / f"page{suffix}"
        file.write_text(text, encoding="utf-8")
        seen = browser.visit(file, act, **more)
        assert seen.events == []
        assert [each for each in seen.added if not (linked and each.startswith("a href=http"))] == list(added)
        assert numbers("".join(names)) - numbers(seen.text) == set()

    return visit
