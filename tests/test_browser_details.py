"""Pages of one proxy, one host, two mirrors and for everybody, in a real browser."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import test_browser
from axe_playwright_python.sync_playwright import Axe
from collectors import Collector
from exhibit import FINE, HOSTS, MARKUP, PLANTED, SICK, exhibit, ship
from playwright.sync_api import Page, expect
from test_browser import PATIENCE_MS, SHOTS, WIDTHS, Open, in_look

pytestmark = pytest.mark.xdist_group("browser")

browser, own, visit = test_browser.browser, test_browser.own, test_browser.visit
PROXY = f"/proxy?{urlencode({'proxy': SICK, 'range': '7d'})}"
PAGES = {
    "proxy": PROXY,
    "proxy-planted": f"/proxy?{urlencode({'proxy': PLANTED})}",
    "host": "/host?agent=build-03",
    "host-planted": f"/host?{urlencode({'agent': HOSTS[-1]})}",
    "mirrors": f"/compare?{urlencode({'a': SICK, 'b': FINE, 'range': '7d'})}",
    "choose": "/compare",
    "public": "/public",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """Nine days of a fleet whose every name is markup somewhere."""
    made = exhibit(tmp_path_factory.mktemp("exhibit"), window_seconds=0.5, public_summary="on")
    yield made
    made.end()


def drawn(page: Page) -> Page:
    """The page, when its lines are there."""
    expect(page.locator(".uplot")).to_have_count(3, timeout=PATIENCE_MS)
    return page


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])
@pytest.mark.parametrize("name", PAGES)
def test_from_phone_to_wall(
    visit: Open, shown: Collector, name: str, language: str, theme: str
) -> None:
    """Nothing is wider than the screen, axe finds nothing, no name runs; pictures are kept."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page = visit(shown.url + PAGES[name], **in_look(language, theme))
    if name.startswith("proxy"):
        drawn(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth")
        page.screenshot(path=SHOTS / f"{name}-{language}-{theme}-{width}.png", full_page=True)
        assert wide <= width

    assert "owned" not in page.title() or MARKUP in page.title()
    assert [
        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in Axe().run(page).response["violations"]
    ] == []


def test_lines_are_looked_at_closely(visit: Open, shown: Collector) -> None:
    """A percentile is chosen, a part is drawn larger, and all of it is there again."""
    page = drawn(visit(shown.url + PROXY, **in_look("en", "light")))
    page.get_by_role("button", name="p99").click()
    expect(page.get_by_role("button", name="p99")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="p95")).to_have_attribute("aria-pressed", "false")
    over = drawn(page).locator(".uplot .u-over").first
    ends = page.locator(".uplot").first
    whole = ends.screenshot()
    box = over.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 50, steps=5)
    page.mouse.up()
    page.mouse.move(0, 0)
    assert ends.screenshot() != whole
    over.dblclick()
    page.mouse.move(0, 0)

    assert ends.screenshot() == whole


def test_lines_stay_while_the_state_is_followed(visit: Open, shown: Collector) -> None:
    """What is now follows each judgement; what is looked at is not taken away by it."""
    page = drawn(visit(shown.url + PROXY, **in_look("en", "light")))
    page.evaluate("document.querySelector('.uplot').isTheSame = true")
    page.locator("summary").click()
    asked = page.locator("#now .facts div", has_text="Requests, 10 min")
    before = asked.inner_text()
    ship(shown, 2, 7000)
    expect(asked).not_to_have_text(before, timeout=PATIENCE_MS, use_inner_text=True)

    assert page.evaluate("document.querySelector('.uplot').isTheSame")
    expect(page.locator("details.as-table")).to_have_attribute("open", "")


def test_without_scripts(visit: Open, shown: Collector) -> None:
    """The lines are there as a table, and the rest as ever."""
    page = visit(shown.url + PROXY, java_script_enabled=False, **in_look("en", "light"))

    expect(page.locator("details.as-table tbody tr")).to_have_count(8)
    expect(page.locator("details.as-table tbody")).to_be_visible()
    expect(page.locator(".heat")).to_have_count(len(HOSTS))
    expect(page.locator(".waterfalls li").first).to_be_visible()


def test_the_way_through(visit: Open, shown: Collector) -> None:
    """From the overview to a proxy, to a day, to a host, back to a proxy, to two mirrors."""
    page = visit(shown.url, **in_look("en", "light"))
    page.get_by_role("link", name="goproxy.corp/go").first.click()
    expect(page.locator("h1")).to_contain_text("goproxy.corp/go")
    page.get_by_role("link", name="30 days").click()
    drawn(page).locator("details.as-table summary").click()
    page.locator("details.as-table tbody a").nth(1).click()
    expect(page.locator(".ranges [aria-current]")).to_contain_text("00:00 –")
    page.get_by_role("link", name="build-03").first.click()
    expect(page.locator("h1")).to_have_text("Host build-03")
    page.get_by_role("link", name="mirror.example").click()
    expect(page.locator("h1")).to_contain_text("mirror.example")
    page.get_by_role("link", name="Compare with another").click()
    page.get_by_label("A", exact=True).select_option(SICK)
    page.get_by_label("B", exact=True).select_option(FINE)
    page.get_by_label("Time").select_option("7d")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("h1")).to_have_text("mirror.example against goproxy.corp/go")


def test_the_way_by_keyboard(visit: Open, shown: Collector) -> None:
    """Ninety bars and a thousand cells are no stops; each that there is has a name."""
    page = visit(shown.url + PROXY, **in_look("en", "light"))
    drawn(page)
    names = []
    for _ in range(60):
        page.keyboard.press("Tab")
        said = page.evaluate(
            "(at => at.ariaLabel || at.innerText || at.tagName)(document.activeElement)"
        )
        names.append(said)

    assert "30 days" in names
    assert "p99" in names
    assert "build-03" in names
    assert len(set(names)) > 20


def test_anybody_may_look(visit: Open, shown: Collector) -> None:
    """The page for everybody has its badges, and follows nothing that wants a token."""
    page = visit(f"{shown.url}/public", **in_look("en", "light"))

    expect(page.locator("h1")).to_contain_text("A module proxy is")
    wide = page.evaluate("[...document.querySelectorAll('img')].map(one => one.naturalWidth)")
    assert len(wide) == 3
    assert min(wide) > 50
