"""The page of `dsk report` as a reader has it, in a headless Chromium."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsk.cli import live
from dsk.cli.live import Pages, Server
from dsk.report.content import Content, content
from dsk.report.page import page
from dsk.report.record import read_record
from dsk.text import Language
from tests.browser import chromium
from tests.browser.chromium import Chromium
from tests.unit.report import jobs
from tests.unit.report.test_page import hostile

PROGRAM = chromium.program()
pytestmark = [
    pytest.mark.full,
    pytest.mark.timeout(300),
    pytest.mark.skipif(PROGRAM is None, reason="no chromium is installed (scripts/browser.sh)"),
]
PLOTS = "document.querySelectorAll('.plot canvas').length"
PIXELS = """[...document.querySelectorAll('.plot canvas')].filter(canvas => {
  const {width, height} = canvas;
  const {data} = canvas.getContext('2d').getImageData(0, 0, width, height);
  return new Set(new Uint32Array(data.buffer)).size > 3;
}).length"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Chromium]]:
    assert PROGRAM
    with chromium.running(tmp_path_factory.mktemp("profile"), PROGRAM) as new_tab:
        yield new_tab


@pytest.fixture
def tab(browser: Callable[[], Chromium]) -> Iterator[Chromium]:
    made = browser()
    yield made
    made.close()


def shown(nodes: int = 2, gpus: int = 2, *, compared: bool = False) -> Content:
    def read(job: str, recipe: str) -> Content:
        files = jobs.files(
            jobs.restarted(), jobs.watched(nodes, gpus, 150), jobs.trained(), recipe=recipe
        )
        record = read_record(job, files)
        return content(record, other)

    other = None
    if compared:
        other = read("second", jobs.RECIPE.replace("1.0e-05", "2.0e-05")).record
    return read(jobs.STATUS.job, jobs.RECIPE)


def opened(
    tab: Chromium, folder: Path, found: Content, language: Language = "en", width: int = 1200
) -> int:
    """How many plots the page should have."""
    path = folder / "report.html"
    path.write_text(page(found, language, made=jobs.BEGIN + 400), encoding="utf-8")
    tab.screen(width)
    tab.open(path.as_uri())
    # The legend's colours and the axes are drawn in the next frame.
    tab.until(f"{PLOTS} === {len(found.charts)} && {PIXELS} === {len(found.charts)}")
    return len(found.charts)


def no_fault(tab: Chromium, folder: Path) -> None:
    # The test itself reads the canvases.
    assert [each for each in tab.problems if "willReadFrequently" not in each] == []
    assert {each for each in tab.requests if not each.startswith("data:")} == {
        (folder / "report.html").as_uri()
    }


def overflow(tab: Chromium) -> list[str]:
    """Elements that reach over the right edge, but for those that can be scrolled."""
    found: list[str] = tab.value(
        """[...document.querySelectorAll('body *')].filter(each =>
             !each.closest('.scroll') && each.getBoundingClientRect().right >
             document.documentElement.clientWidth + 1).map(each => each.outerHTML.slice(0, 200))"""
    )
    return found


def test_it_draws_every_plot_and_asks_for_nothing(tab: Chromium, tmp_path: Path) -> None:
    assert opened(tab, tmp_path, shown()) == 12
    no_fault(tab, tmp_path)
    assert overflow(tab) == []


def test_hovering_shows_the_values_in_all_plots_of_that_axis(tab: Chromium, tmp_path: Path) -> None:
    opened(tab, tmp_path, shown())
    box = "document.querySelector('#plot-samples .u-over').getBoundingClientRect()"
    tab.value("document.querySelector('#plot-samples').scrollIntoView({block: 'center'})")
    left, top, width = (tab.value(f"{box}.{name}") for name in ("left", "top", "width"))
    value = "document.querySelector('#plot-{} .u-legend tr:nth-child({}) .u-value').textContent"
    assert tab.value(value.format("samples", 2)) == "–"
    # In the first attempt, on a place that has a value.
    tab.mouse("mouseMoved", left + width / 4, top + 60)
    tab.until(f"{value.format('samples', 2)} === '12'")
    moment = tab.value(value.format("samples", 1))
    assert moment.count(":") == 2
    assert tab.value(value.format("gpu", 1)) != "–", "the cursor is in the other plots too"
    assert tab.value(value.format("lr", 1)) == "–", "but not in those by step"
    no_fault(tab, tmp_path)


def test_a_drag_zooms_all_plots_of_that_axis_and_the_button_ends_it(
    tab: Chromium, tmp_path: Path
) -> None:
    opened(tab, tmp_path, shown())
    tab.value("document.querySelector('#plot-loss').scrollIntoView({block: 'center'})")
    box = "document.querySelector('#plot-loss .u-over').getBoundingClientRect()"
    left, top, width = (tab.value(f"{box}.{name}") for name in ("left", "top", "width"))
    labels = "document.querySelectorAll('figcaption button').length"
    assert tab.value(labels) == 0
    tab.drag((left + width * 0.4, top + 50), (left + width * 0.6, top + 90))
    tab.until(f"{labels} === 2")
    places = [
        tab.value(f"[...document.querySelectorAll('#{each} button')].length")
        for each in ("training", "gpus")
    ]
    assert places == [2, 0], "loss and learning rate, which have the steps as their axis"
    tab.value(
        "document.querySelector('#plot-lr').closest('figure').querySelector('button').click()"
    )
    tab.until(f"{labels} === 0")
    tab.drag((left + width * 0.4, top + 50), (left + width * 0.6, top + 90))
    tab.until(f"{labels} === 2")
    for count in (1, 2):
        for kind in ("mousePressed", "mouseReleased"):
            tab.mouse(kind, left + 50, top + 50, button="left", clickCount=count)
    tab.until(f"{labels} === 0")
    no_fault(tab, tmp_path)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_phone(tab: Chromium, tmp_path: Path, language: Language) -> None:
    opened(tab, tmp_path, shown(), language, width=375)
    assert tab.value("document.documentElement.scrollWidth") == 375
    assert overflow(tab) == []
    tab.value("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert overflow(tab) == []
    widths = tab.value(
        "[...document.querySelectorAll('.plot')].map(each => each.clientWidth - "
        "each.querySelector('.uplot').clientWidth)"
    )
    assert set(widths) == {0}
    no_fault(tab, tmp_path)


def test_dark_when_the_reader_wants_it(tab: Chromium, tmp_path: Path) -> None:
    count = opened(tab, tmp_path, shown())
    back = "getComputedStyle(document.body).backgroundColor"
    assert tab.value(back) == "rgb(255, 255, 255)"
    tab.screen(1200, dark=True)
    tab.until(f"{back} === 'rgb(20, 23, 28)'")
    tab.until(f"{PIXELS} === {count}")
    # The first row is the axis's.
    marker = "document.querySelector('.u-series + .u-series .u-marker')"
    stroke = f"getComputedStyle({marker}).borderTopColor"
    assert tab.value(stroke) == "rgb(110, 163, 255)"
    no_fault(tab, tmp_path)


def contrast(tab: Chromium, name: str) -> float:
    """Of a text colour on the page's background (WCAG 2)."""

    def brightness(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    style = "getComputedStyle(document.documentElement).getPropertyValue('--{}').trim()"
    pair = sorted(brightness(tab.value(style.format(each))) for each in (name, "back"))
    return (pair[1] + 0.05) / (pair[0] + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_and_curves_can_be_read(tab: Chromium, tmp_path: Path, *, dark: bool) -> None:
    opened(tab, tmp_path, shown())
    tab.screen(1200, dark=dark)
    tab.until(f"matchMedia('(prefers-color-scheme: dark)').matches === {str(dark).lower()}")
    for name in ("text", "soft", "link", "good", "bad", "warn"):
        assert contrast(tab, name) >= 4.5, name
    for n in range(8):
        assert contrast(tab, f"curve{n}") >= 3, n


def test_a_window_that_is_made_narrower(tab: Chromium, tmp_path: Path) -> None:
    opened(tab, tmp_path, shown())
    tab.screen(700)
    tab.until(
        "[...document.querySelectorAll('.plot')].every(each => "
        "each.clientWidth === each.querySelector('.uplot').clientWidth)"
    )
    assert overflow(tab) == []
    no_fault(tab, tmp_path)


def test_nothing_of_a_hostile_job_runs(tab: Chromium, tmp_path: Path) -> None:
    found = content(hostile(), hostile())
    tab.screen(1200)
    (tmp_path / "report.html").write_text(page(found, "en", made=1.0), encoding="utf-8")
    tab.open((tmp_path / "report.html").as_uri())
    tab.until(f"{PLOTS} === {len(found.charts)}")
    assert tab.value("document.querySelectorAll('img, script').length") == 3
    assert "</script><img" in tab.value("document.querySelector('h1').textContent")
    no_fault(tab, tmp_path)


def test_a_comparison_and_many_nodes(tab: Chromium, tmp_path: Path) -> None:
    opened(tab, tmp_path, shown(compared=True))
    assert tab.value("document.querySelector('h2').textContent") == "Differences"
    opened(tab, tmp_path, shown(nodes=16, gpus=8))
    assert overflow(tab) == []
    no_fault(tab, tmp_path)


def test_a_job_without_figures(tab: Chromium, tmp_path: Path) -> None:
    opened(tab, tmp_path, content(read_record("j", {})))
    no_fault(tab, tmp_path)


def test_a_live_page_follows_the_job(tab: Chromium, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY_S", 0.0)
    monkeypatch.setattr("dsk.report.page.LIVE_EVERY_MS", 100)
    done = 30

    def look() -> Content:
        files = jobs.files(
            jobs.restarted()[: 5 + done // 5], jobs.watched(1, 1, done), jobs.trained()[:done]
        )
        state = "running" if done < 60 else "succeeded"
        return content(dataclasses.replace(read_record("j", files), state=state))

    with Server(Pages(look, "en"), None) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            tab.screen(1200)
            tab.open(server.url)
            tab.until("document.querySelector('#live').textContent.startsWith('updated')")
            tab.value("document.querySelector('#events').open = true")
            tab.value("document.querySelector('#plot-lr').closest('figure')"
                      ".querySelector('details').open = true")  # fmt: skip
            done = 50
            last = "document.querySelector('#plot-loss').closest('figure').querySelector('.scroll')"
            tab.until(f"{last}.textContent.includes('{figure_of(50)}')")
            unfolded = "[...document.querySelectorAll('details[open]')].length"
            assert tab.value(unfolded) == 3, (
                "what was unfolded stays so; each GPU is from the start"
            )
            assert tab.value(f"{PLOTS} > 5")
            done = 60
            tab.until("document.querySelector('.state').textContent === 'succeeded'")
            assert tab.problems == []
            assert all(each.startswith((server.url, "data:")) for each in tab.requests)
        finally:
            server.shutdown()
            thread.join()


def figure_of(step: int) -> str:
    from dsk.report.units import figure

    loss = jobs.trained()[step - 1].loss
    assert loss is not None
    return figure(loss)
