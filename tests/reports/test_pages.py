import json
import re
from html.parser import HTMLParser

import numpy
import pytest
import yaml

from fluxlib.reports import pages as module
from fluxlib.reports.pages import format_controls, list_parameters, list_versions, read_pictures
from fluxlib.workflow.notebooks import NOTEBOOKS, find_steps
from fluxlib.workflow.parameters import CONTROLS, assign_parameters
from fluxlib.workflow.store import Outcome
from tests.helpers.notebooks import store_toys

pytestmark = pytest.mark.slow

PAGES = ["index", "01_observations", "02_calibration", "03_offsets", "04_imputation"]
PAGES += ["05_prediction", "06_summary"]


@pytest.fixture(scope="module")
def folder(mixed):
    return mixed[0] / "reports" / "toy"


class Page(HTMLParser):
    """The elements of a page, its text, and whether its tags match."""

    VOID = frozenset(["meta", "link", "img", "br", "input", "hr"])

    def __init__(self, path):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def get_values(self, tag, name):
        return [attrs.get(name) for found, attrs in self.elements if found == tag]


@pytest.fixture(scope="module")
def pages(folder):
    return {name: Page(folder / f"{name}.html") for name in PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_nothing_from_elsewhere(pages, name):
    page = pages[name]
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"iframe", "object"}
    # The only scripts are those that we ship: tables to sort, and charts where a page has some.
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", page.source, re.DOTALL)
    ours = [(module.TEMPLATES / f"{name}.js").read_text().strip() for name in ("sort", "chart")]
    if name == "01_observations":
        data, sort, library, chart = (text.strip() for text in scripts)
        assert json.loads(data)["data"][0]["name"] == "goes13"
        assert ([sort, chart], library) == (ours, "")
        assert page.get_values("script", "src") == [None, None, "plotly.min.js", None]
    else:
        assert [text.strip() for text in scripts] == ours[:1]
        assert page.get_values("script", "src") == [None]
    assert all(address.startswith("data:") for address in page.get_values("img", "src"))
    assert all(address.startswith("data:") for address in page.get_values("link", "href"))
    assert not re.search(r"url\(|@import|https?://", page.source)
    assert page.open == []


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file(pages, folder, name):
    links = [link for link in pages[name].get_values("a", "href") if not link.startswith("#")]
    assert links
    assert [link for link in links if not (folder / link).is_file()] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_language_title_one_heading_and_width_for_phones(pages, name):
    page = pages[name]
    assert page.get_values("html", "lang") == ["en"]
    assert len(page.get_values("title", "x")) == 1
    assert len(page.get_values("h1", "id")) == 1
    assert "width=device-width, initial-scale=1" in page.get_values("meta", "content")


@pytest.mark.parametrize("name", ["index", "01_observations"])
def test_figures_have_the_authors_alt_text(pages, name):
    assert pages[name].get_values("img", "alt") == ['A "rising" line']
    assert "Rise & shine" in pages[name].text


def test_the_index_tells_simulated_from_observed(pages):
    assert "Simulated data." in pages["index"].text
    assert "Observations." not in pages["index"].text


def test_the_index_shows_headline_scores_and_baseline(pages):
    text = pages["index"].text
    assert "Missing 27.1 % east 0.500 1,200 hours" in text
    assert "satellite note n goes13 low 1 goes15 high 22" in text


def test_a_key_figure_that_rests_on_too_little_says_so_on_the_index_and_its_page(pages):
    assert "Rate 0.900 Too few to rely on: 3 days, 30 wanted" in pages["index"].text
    assert "Rate. Too few to rely on: 3 days, 30 wanted." in pages["01_observations"].text
    assert pages["index"].source.count('class="few"') == 1


def test_the_index_says_what_failed_and_what_did_not_apply(pages):
    text = pages["index"].text
    assert "04_imputation failed in cell [4] \"flux = {}\" : KeyError: 'e2'" in text
    assert "05_prediction was skipped: it needs 04_imputation" in text
    assert "Only one satellite." in text
    assert "6 of 6" not in text
    assert "5 of 6 notebooks run" in text


def test_changed_parameters_stand_out(pages):
    for name, count in [("index", 2), ("01_observations", 1), ("06_summary", 0)]:
        assert pages[name].source.count('<tr class="differs">') == count
    for name in ("index", "01_observations"):
        assert "large 12 10 days, n >= 10 = large" in pages[name].text
    assert "with large = 12" in pages["01_observations"].text
    assert "interactive" not in pages["index"].text


def test_titles_are_escaped(pages):
    assert "<data>" not in pages["index"].source
    assert "Toy <data>" in pages["index"].text


def test_a_page_shows_results_and_no_code(pages):
    page = pages["01_observations"]
    assert "Some prose ." in page.text
    assert "plt.subplots" not in page.source
    assert "reports_folder" not in page.source
    assert '<td class="text short">low</td>' in page.source
    assert '<details class="printed"><summary>Messages</summary><pre tabindex="0">a warning' in (
        page.source
    )


def test_a_page_that_does_not_apply_says_why_and_stops_there(pages):
    page = pages["02_calibration"]
    assert "Not applicable to this dataset. Only one satellite." in page.text
    assert "never reached" not in page.text
    assert "Traceback" not in page.text


def test_a_failed_page_has_the_error_and_links_the_notebook(pages):
    page = pages["04_imputation"]
    assert "This notebook failed" in page.text
    assert "KeyError: 'e2'" in page.text
    assert "04_imputation.ipynb" in page.get_values("a", "href")


def test_a_skipped_page_says_what_it_waits_for(pages):
    assert "it needs 04_imputation" in pages["05_prediction"].text


def test_pages_lead_to_each_other(pages):
    assert [link for link in pages["03_offsets"].get_values("a", "href") if "html" in link] == [
        "index.html",
        *[f"{name}.html" for name in PAGES[1:]],
        "04_imputation.html",
    ]


def test_a_first_run_is_compared_with_none(pages):
    assert "Runs of this dataset" not in pages["index"].text


def test_what_was_rendered_with_another_template_is_rendered_again(mixed, monkeypatch):
    folder, run, _ = mixed
    store, outcome = store_toys(folder), run.outcomes[0]
    rendered = []
    monkeypatch.setattr(
        module, "_render_notebook", lambda path: rendered.append(path.name) or "<p>body</p>"
    )
    before = module._read_content(outcome, store)
    assert rendered == []
    assert "Some" in before["body"]
    assert [picture.title for picture in before["pictures"]] == ["Rise & shine"]
    path = store.find_folder(outcome.key) / "page.json"
    text = path.read_text()
    try:
        path.write_text(text.replace(before["made_with"], "another template"))
        assert module._read_content(outcome, store)["body"] == "<p>body</p>"
        assert rendered == ["01_observations.ipynb"]
        assert module._read_content(outcome, store)["body"] == "<p>body</p>"
        assert len(rendered) == 1
    finally:
        path.write_text(text)


def test_a_thumbnail_is_as_wide_as_said_and_has_the_words_of_its_figure(mixed):
    (picture,) = read_pictures(mixed[0] / "figures" / "toy", "01_observations")
    assert picture.width == module.WIDTH
    assert (picture.title, picture.alt) == ("Rise & shine", 'A "rising" line')
    assert picture.thumbnail.startswith("data:image/webp;base64,")


def test_a_page_names_the_controls_to_set_and_the_parameter_file():
    step = next(s for s in find_steps(NOTEBOOKS) if s.name == "03_offsets")
    outcome = Outcome(step.name, "done", parameters={"max_offset": 72})
    found = {p["name"]: p for p in list_parameters(step, outcome)}
    assert found["max_offset"]["control"] == "Maximum offset (h)"
    assert found["max_offset"]["differs"]
    assert found["cadence"]["control"] == ""
    given = yaml.safe_load(format_controls(step, outcome))["03_offsets"]
    assert set(given) == set(CONTROLS["03_offsets"])
    assert given["max_offset"] == 72
    assert assign_parameters([step], {step.name: given})


def test_versions_are_those_of_the_packages():
    versions = list_versions()
    assert versions["numpy"] == numpy.__version__
    assert versions["Python"].startswith("3.")
