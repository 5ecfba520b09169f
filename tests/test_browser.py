"""The page in a real browser: what people see, in both languages and themes, from phone to wall."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from collectors import Collector, batch_bytes, call, post
from outages import SICK, fail, quick, until
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from showcase import DOWN, HOSTS, PLANTED, PROXIES, ship, showcase

from modpulse.agent.batch.batch import ProxyWindow
from modpulse.collector.access import file as access_file
from modpulse.collector.access.entries import Entry, key_of

pytestmark = pytest.mark.xdist_group("browser")

TOP = Path(__file__).parents[1]
SHOTS = TOP / "build" / "page"
"""Pictures that are kept to be looked at."""
CHROMIUM = "/usr/bin/chromium"
OURS = ("/", "/login", "/incidents", "/incidents/*", "/fleet", "/maintenance")
PAGES = (*OURS, f"/proxy?{urlencode({'proxy': DOWN})}", "/host?agent=build-0")
"""`*` is the incident that there is."""
WIDTHS = (360, 768, 1280, 1920)
PATIENCE_MS = 60_000
LOCALES = {"en": "en-GB", "zh": "zh-CN"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    expect.set_options(timeout=PATIENCE_MS)
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


def address(collector: Collector, path: str) -> str:
    """Where a page is."""
    if "*" in path:
        incident = until(collector, lambda found: found["incidents"])["incidents"][-1]
        path = path.replace("*", incident["id"])
    return collector.url + path


Own = Callable[..., Collector]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    """Starts collectors that judge quickly, for one test; they end after its pages."""
    made: list[Collector] = []

    def start(**keys: object) -> Collector:
        made.append(quick(tmp_path, **keys))
        return made[-1].start()

    yield start
    for collector in made:
        collector.end()


@pytest.fixture
def visit(browser: Browser, own: Own) -> Iterator[Open]:
    """Opens pages in contexts of their own; whatever the browser complains of fails the test."""
    assert own, "ends later: a page whose collector was killed complains"
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def said(words: ConsoleMessage) -> None:
        if words.type in ("error", "warning"):
            complaints.append(f"{words.text} {words.location}")

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
    page = visit(address(shown, path), **in_look(language, theme))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        what = urlsplit(path).path.strip("/").replace("/*", "-one").replace("/", "-") or "overview"
        name = f"{what}-{language}-{theme}-{width}.png"
        page.screenshot(path=SHOTS / name, full_page=width < 400)

        assert wide <= width, name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", OURS)
def test_everybody_can_use_it(visit: Open, shown: Collector, path: str, theme: str) -> None:
    """axe finds nothing: names, contrast, order, landmarks."""
    for width, language in ((1280, "en"), (360, "zh")):
        page = visit(address(shown, path), width, **in_look(language, theme))
        found = Axe().run(page)

        assert [
            (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
            for one in found.response["violations"]
        ] == []


def test_what_is_new_shows_by_itself(visit: Open, own: Own) -> None:
    """After a new batch the sentence on top is another one, on the page that was open."""
    collector = own(window_seconds=0.3)
    fine = (ProxyWindow(proxy="https://good.example", requests=50),)
    post(collector, batch_bytes(windows=fine))
    page = visit(collector.url, locale="en")
    expect(page.locator("h1")).to_have_text("The proxy is fine")
    page.evaluate("window.isTheSame = true")
    for agent_id in ("build-2", "build-3"):
        post(collector, batch_bytes(agent_id, failing=SICK, windows=fine))
    expect(page.locator("h1")).to_have_text("sick.example is down")

    assert page.evaluate("window.isTheSame")
    expect(page).to_have_title(re.compile("sick.example is down"))


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
    expect(page.locator(".asof")).not_to_have_text(moment)
    expect(page.locator("#main")).to_be_focused()


def test_a_name_runs_nothing(visit: Open, shown: Collector) -> None:
    """A proxy that is called like a script is shown as it is called."""
    page = visit(shown.url, locale="en")

    expect(page.locator("tbody")).to_contain_text(PLANTED.removeprefix("https://"))
    assert "owned" not in page.title()


def test_the_collector_goes(browser: Browser, own: Own) -> None:
    """A stream holds no stop up; a page says that it is old, and follows when all is well again."""
    collector = own(window_seconds=0.3)
    collector.keys["listen"] = f"127.0.0.1:{collector.port}"
    post(collector, batch_bytes())
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.goto(collector.url)
    moment = page.locator(".asof").inner_text()
    expect(page.locator(".asof")).not_to_have_text(moment)
    assert call(collector, "GET", "/api/v1/proxies").body["door"]["streams"] == 1
    expect(page.locator(".stale")).to_be_hidden()
    assert collector.stop() == 0
    moment = page.locator(".asof").inner_text()
    # Half a minute later.
    page.locator(".stale").evaluate("stale => { stale.getAnimations()[0].currentTime = 31000; }")
    expect(page.locator(".stale")).to_be_visible()
    collector.start()
    expect(page.locator(".asof")).not_to_have_text(moment)
    expect(page.locator(".stale")).to_be_hidden()
    context.close()


def test_somebody_logs_in(visit: Open, own: Own, tmp_path: Path) -> None:
    """A token opens the page that was asked for, and the way out closes it."""
    (tmp_path / "tokens").write_text("a-token-of-some-length\n")
    collector = own(token_file=tmp_path / "tokens")
    page = visit(f"{collector.url}/login?back=%2F%3Fpage%3D1", locale="en")
    page.get_by_label("Token").fill("a-token-of-some-length")
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{collector.url}/?page=1")
    expect(page.locator(".who")).to_have_text("token 1")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()


def test_the_worst_is_on_top(visit: Open, shown: Collector) -> None:
    """The first row is that of the proxy that is down, with its cause and its days."""
    row = visit(shown.url, locale="en").locator("tbody tr").first

    expect(row).to_contain_text(DOWN.removeprefix("https://"))
    expect(row).to_contain_text("tcp.refused")
    expect(row.locator("svg.bars rect")).to_have_count(90)


def test_somebody_writes_a_note(visit: Open, own: Own, tmp_path: Path) -> None:
    """What is half written stays while the page changes; what is sent is in the timeline."""
    collector = own(window_seconds=0.3)
    fail(collector)
    incident = until(collector, lambda found: found["incidents"])["incidents"][0]["id"]
    collector.stop()
    entry = Entry("alice", frozenset({"admin"}), key_of(b"alice"))
    access_file.add(str(tmp_path / "access"), entry)
    collector.keys["access_file"] = tmp_path / "access"
    collector.start()
    page = visit(f"{collector.url}/login?back=/incidents/{incident}", locale="en")
    page.get_by_label("Token").fill("alice")
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Add a note").fill("the disk")
    moment = page.locator(".asof").inner_text()
    expect(page.locator(".asof")).not_to_have_text(moment)
    page.get_by_label("Add a note").press_sequentially(" is <b>full</b>")
    page.get_by_role("button", name="Write it down").click()
    expect(page.locator(".timeline .note")).to_contain_text("the disk is <b>full</b>")


def test_the_way_through(visit: Open, shown: Collector) -> None:
    """From the overview to an incident, to its proxy, to its host, and to all of them."""
    page = visit(shown.url, locale="en")
    page.get_by_role("link", name="goproxy.corp is down").click()
    expect(page.locator(".timeline")).to_be_visible()
    page.locator(".alerts a").click()
    expect(page.locator("h1")).to_contain_text("goproxy.corp")
    page.get_by_role("link", name="Fleet").click()
    expect(page.locator("tbody tr")).to_have_count(HOSTS)
    page.get_by_role("link", name="build-2").click()
    expect(page.locator("h1")).to_contain_text("build-2")
    page.get_by_role("link", name="Maintenance").click()
    expect(page.locator("h1")).to_have_text("Maintenance")
