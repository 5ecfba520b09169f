"""The page in a real browser: what people see, in both languages and themes, from phone to wall."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from collectors import Collector, batch_bytes, call, post
from outages import SICK, quick
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from showcase import DOWN, PLANTED, PROXIES, ship, showcase

from modpulse.agent.batch.batch import ProxyWindow

pytestmark = pytest.mark.xdist_group("browser")

TOP = Path(__file__).parents[1]
SHOTS = TOP / "build" / "page"
"""Pictures that are kept to be looked at."""
CHROMIUM = "/usr/bin/chromium"
PAGES = ("/", "/login", f"/proxy?{urlencode({'proxy': DOWN})}", "/host?agent=build-0")
WIDTHS = (360, 768, 1280, 1920)
PATIENCE_MS = 60_000
LOCALES = {"en": "en-GB", "zh": "zh-CN"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A fleet that has all there is to see."""
    made = showcase(tmp_path_factory.mktemp("shown"), window_seconds=0.5)
    yield made
    made.end()


Open = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens pages in contexts of their own; whatever the browser complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def said(words: ConsoleMessage) -> None:
        if words.type in ("error", "warning"):
            complaints.append(words.text)

    def visit(url: str, width: int = 1280, **how: object) -> Page:
        size = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=size, **how))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", said)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


def in_look(language: str, theme: str) -> dict[str, str]:
    """How a browser of somebody is set."""
    return {"locale": LOCALES[language], "color_scheme": theme}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", PAGES)
def test_from_phone_to_wall(
    visit: Open, shown: Collector, path: str, language: str, theme: str
) -> None:
    """Nothing is wider than the screen; it is kept as a picture."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page = visit(shown.url + path, **in_look(language, theme))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        what = urlsplit(path).path.strip("/").replace("/", "-") or "overview"
        name = f"{what}-{language}-{theme}-{width}.png"
        page.screenshot(path=SHOTS / name, full_page=width < 400)

        assert wide <= width, name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES[:2])
def test_everybody_can_use_it(visit: Open, shown: Collector, path: str, theme: str) -> None:
    """axe finds nothing: names, contrast, order, landmarks."""
    for width, language in ((1280, "en"), (360, "zh")):
        page = visit(shown.url + path, width, **in_look(language, theme))
        found = Axe().run(page)

        assert [
            (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
            for one in found.response["violations"]
        ] == []


def test_what_is_new_shows_by_itself(visit: Open, tmp_path: Path) -> None:
    """After a new batch the sentence on top is another one, on the page that was open."""
    collector = quick(tmp_path, window_seconds=0.3).start()
    try:
        fine = (ProxyWindow(proxy="https://good.example", requests=50),)
        post(collector, batch_bytes(windows=fine))
        page = visit(collector.url, locale="en")
        expect(page.locator("h1")).to_have_text("The proxy is fine", timeout=PATIENCE_MS)
        page.evaluate("window.isTheSame = true")
        for agent_id in ("build-2", "build-3"):
            post(collector, batch_bytes(agent_id, failing=SICK, windows=fine))
        expect(page.locator("h1")).to_have_text("sick.example is down", timeout=PATIENCE_MS)

        assert page.evaluate("window.isTheSame")
        expect(page).to_have_title(re.compile("sick.example is down"), timeout=PATIENCE_MS)
    finally:
        collector.end()


def test_without_scripts(visit: Open, shown: Collector) -> None:
    """What is shown is the same, but for what comes by itself."""
    page = visit(shown.url, locale="en", java_script_enabled=False)

    expect(page.locator("h1")).to_contain_text("goproxy.corp is down")
    expect(page.locator("table.cards tbody tr")).to_have_count(len(PROXIES))
    page.get_by_role("link", name="中文").click()
    expect(page.locator("h1")).to_contain_text("不可用")


def test_choices_are_kept(visit: Open, shown: Collector) -> None:
    """A language and a theme that were chosen are there on the next page."""
    page = visit(shown.url, **in_look("en", "light"))
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("link", name="Dark").click()
    page.get_by_role("link", name="中文").click()
    page.goto(shown.url)

    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_by_keyboard(visit: Open, shown: Collector) -> None:
    """The first stop leads past the head of the page; what comes by itself takes no focus away."""
    page = visit(shown.url, locale="en")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    moment = page.locator(".asof").inner_text()
    ship(shown, 99)
    expect(page.locator(".asof")).not_to_have_text(moment, timeout=PATIENCE_MS)
    expect(page.locator("#main")).to_be_focused()


def test_a_name_runs_nothing(visit: Open, shown: Collector) -> None:
    """A proxy that is called like a script is shown as it is called."""
    page = visit(shown.url, locale="en")

    expect(page.locator("tbody")).to_contain_text(PLANTED.removeprefix("https://"))
    assert "owned" not in page.title()


def test_the_collector_goes(visit: Open, tmp_path: Path) -> None:
    """A stream holds no stop up, and a page goes on by itself when the collector is there again."""
    collector = quick(tmp_path, window_seconds=0.3).start()
    try:
        collector.keys["listen"] = f"127.0.0.1:{collector.port}"
        post(collector, batch_bytes())
        page = visit(collector.url, locale="en")
        expect(page.locator(".asof")).to_be_visible()
        assert call(collector, "GET", "/api/v1/proxies").body["door"]["streams"] == 1
        assert collector.stop() == 0
    finally:
        collector.end()


def test_somebody_logs_in(visit: Open, tmp_path: Path) -> None:
    """A token opens the page that was asked for, and the way out closes it."""
    (tmp_path / "tokens").write_text("a-token-of-some-length\n")
    collector = quick(tmp_path, token_file=tmp_path / "tokens").start()
    try:
        page = visit(f"{collector.url}/login?back=%2F%3Fpage%3D1", locale="en")
        page.get_by_label("Token").fill("a-token-of-some-length")
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{collector.url}/?page=1")
        expect(page.locator(".who")).to_have_text("token 1")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Token")).to_be_visible()
    finally:
        collector.end()


def test_the_worst_is_on_top(visit: Open, shown: Collector) -> None:
    """The first row is that of the proxy that is down, with its cause and its days."""
    row = visit(shown.url, locale="en").locator("tbody tr").first

    expect(row).to_contain_text(DOWN.removeprefix("https://"))
    expect(row).to_contain_text("tcp.refused")
    expect(row.locator("svg.bars rect")).to_have_count(90)
