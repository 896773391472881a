"""Report pages in a real browser: light and dark, on a phone, printed, and by axe's rules."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from fluxlib.reports.pages import TEMPLATES
from tests.helpers.batch import NAMES
from tests.helpers.jupyterlab import take_screenshot

pytestmark = pytest.mark.slow

PAGES = ["index", *NAMES]
DASH = "\N{EN DASH}"  # how a missing value is shown


@pytest.fixture(scope="module")
def page(chromium):
    page = chromium.new_page()
    yield page
    page.close()


@pytest.fixture(params=PAGES)
def name(request, page, batch):
    """Open a page on a screen, as it is at first, and return its name."""
    page.emulate_media(media="screen", color_scheme="light")
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto((batch / f"{request.param}.html").as_uri())
    return request.param


def test_axe_finds_no_violation_in_light_or_dark(page, name):
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    # Of axe's rules only that of contrast depends on the colours.
    for scheme, options in (("light", None), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, options=options).response["violations"]
        assert [(v["id"], v["impact"], v["nodes"][0]["html"]) for v in found] == []
        take_screenshot(page, f"page-{name}-{scheme}", full_page=True)


def test_dark_is_dark(page, name):
    shades = {}
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades[scheme] = sum(int(part) for part in re.findall(r"\d+", colour)[:3])
    assert shades["dark"] < 150 < 600 < shades["light"]


def test_no_part_is_wider_than_a_phone(page, name):
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    take_screenshot(page, f"page-{name}-phone", full_page=True)


def test_a_print_shows_what_is_folded_on_the_screen(page, name):
    page.emulate_media(media="print")
    page.wait_for_function(
        """() => [...document.querySelectorAll('details > :not(summary)')].every(
            part => part.checkVisibility({contentVisibilityAuto: true}))""",
        timeout=5000,
    )
    assert page.locator("nav").is_hidden()
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert len(printed) > 20_000


def test_every_figure_has_alternative_text_and_a_caption(page, name):
    figures = page.locator("figure")
    for i in range(figures.count()):
        assert len(figures.nth(i).locator("img").get_attribute("alt")) > 20
        assert len(figures.nth(i).locator("figcaption").inner_text()) > 5


def test_the_keyboard_reaches_every_link_button_and_table(page, name):
    kinds = "a[href], summary, button, [tabindex='0']"
    expected = page.evaluate(
        """kinds => [...document.querySelectorAll(kinds)].filter(
            one => one.checkVisibility()).length""",
        kinds,
    )
    reached = set()
    for _ in range(expected + 2):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "kinds => [...document.querySelectorAll(kinds)].indexOf(document.activeElement)",
                kinds,
            )
        )
    assert len(reached - {-1}) == expected


def test_a_click_on_a_header_sorts_a_table(page, batch):
    page.set_viewport_size({"width": 1200, "height": 900})
    page.set_content(
        "<table><thead><tr><th>model</th><th>RMSE</th></tr></thead><tbody>"
        "<tr><td>spline</td><td>1,000.5</td></tr><tr><td>forest</td><td>&ndash;</td></tr>"
        "<tr><td>line</td><td>9.2</td></tr><tr><td>GA-RF</td><td>-10</td></tr></tbody></table>"
        f"<script type='module'>{(TEMPLATES / 'sort.js').read_text()}</script>"
    )

    def read_column(number):
        return page.locator(f"td:nth-child({number})").all_inner_texts()

    came = read_column(2)
    head = page.locator("th").nth(1)
    for state, expected in (
        ("ascending", ["-10", "9.2", "1,000.5", DASH]),
        ("descending", ["1,000.5", "9.2", "-10", DASH]),
        (None, came),
    ):
        head.get_by_role("button").press("Enter")
        assert (head.get_attribute("aria-sort"), read_column(2)) == (state, expected)
    page.get_by_role("button", name="model").click()
    assert read_column(1) == ["forest", "GA-RF", "line", "spline"]

    # The scores on the overview are such tables; those with merged cells stay as they are.
    page.goto((batch / "index.html").as_uri())
    assert page.locator("table:has(td[rowspan], th[colspan]) thead button").count() == 0
    scores = page.get_by_label("Scores of", exact=False).locator("thead button")
    assert scores.count() > 10


def test_a_page_requests_no_other_file_than_itself(page, name, requests):
    requests.clear()
    page.reload()
    assert requests
    assert [address for address in requests if not address.startswith(("file:", "data:"))] == []
