"""The pages in a real Chromium: they fit a phone and a desk, ask for nothing, can be read by everyone, and print."""

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from briefing.publish import publish_no_list
from briefing.record_page import publish_record
from tests.sample_list import BOOK, NOW, blind, publish_sample, quiet, sample, settings
from tests.sample_record import lively

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}")]
PAGES = (
    "list/2026-03-10/index.html",
    "list/2026-03-10/events/e1c4.html",
    "list/days.html",
    "quiet/latest.html",
    "blind/latest.html",
    "stop/latest.html",
    "record/record.html",
)

# Text and its real background, by WCAG 2.1: relative luminance, 4.5 to 1, or 3 to 1 from 24 px (18.7 px bold) on.
CONTRAST = """() => {
  const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 });
    return .2126 * r + .7152 * g + .0722 * b };
  const rgba = s => { const n = s.match(/[\\d.]+/g).map(Number); return [n.slice(0, 3), n[3] ?? 1] };
  const behind = e => { for (; e; e = e.parentElement) { const [c, a] = rgba(getComputedStyle(e).backgroundColor);
    if (a) return c } return [255, 255, 255] };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), poor = []; let n, seen = 0;
  while (n = walker.nextNode()) { const e = n.parentElement;
    if (!n.data.trim() || e.closest('.watermark, .sr, .skip')) continue;
    const s = getComputedStyle(e), size = parseFloat(s.fontSize), big = size >= 24 || (size >= 18.7 && s.fontWeight >= 700);
    const [a, b] = [lum(rgba(s.color)[0]), lum(behind(e))].sort((x, y) => y - x), ratio = (a + .05) / (b + .05); seen++;
    if (ratio < (big ? 3 : 4.5)) poor.push(`${ratio.toFixed(2)} ${e.tagName}.${e.className}: ${n.data.trim().slice(0, 20)}`) }
  return [seen, poor] }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        launched = engine.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    publish_sample(sample(), root / "list")
    publish_sample(quiet(), root / "quiet")
    publish_sample(blind(), root / "blind")
    publish_no_list("入库检查未通过：微博搜索的结果缺少发布时间一列。", settings(root), root / "stop", NOW)
    made = lively(60)
    publish_record(made.record(), made.record(kind="backtest", name="2025"), BOOK, settings(root), root / "record")
    return root


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_asks_for_nothing(browser: Any, folder: Path, name: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto((folder / name).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sticking_out = "e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, .watermark')"
    assert page.evaluate(f"[...document.body.querySelectorAll('*')].filter({sticking_out}).map(e => e.className || e.tagName)") == []
    assert asked == [(folder / name).as_uri()]
    assert said == []
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_everyone(browser: Any, folder: Path, name: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto((folder / name).as_uri())
    seen, poor = page.evaluate(CONTRAST)
    assert seen > 8
    assert poor == []
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.evaluate("[...document.querySelectorAll('main a')].filter(a => !a.textContent.trim()).length") == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    page.close()


def test_the_eye_meets_the_words_in_the_order_of_the_page(browser: Any, folder: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto((folder / PAGES[0]).as_uri())
    tops = page.evaluate("[...document.querySelectorAll('main h2, main h3')].map(h => h.getBoundingClientRect().top)")
    assert tops == sorted(tops)
    page.close()


def test_a_drill_cannot_be_scrolled_out_of_sight(browser: Any, folder: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto((folder / PAGES[0]).as_uri())
    page.mouse.wheel(0, 4000)
    page.wait_for_function("scrollY > 3000")
    assert page.locator(".stamp").bounding_box()["y"] == 0
    assert page.locator(".watermark span").first.is_visible()
    page.close()


def test_a_keyboard_reaches_every_warning(browser: Any, folder: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((folder / PAGES[0]).as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "跳到正文"
    page.locator(".glance a").nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_function("location.hash.length > 2")
    assert page.evaluate("document.querySelector(location.hash).querySelector('.rank').textContent.trim()") == "第2位"
    page.close()


def test_marked_words_are_seen_without_colour_and_on_paper(browser: Any, folder: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto((folder / PAGES[1]).as_uri())
    for medium in ("screen", "print"):
        page.emulate_media(media=medium)
        assert page.locator(".posts mark").count() == 4
        assert page.locator(".posts mark").first.is_visible()
        assert page.locator(".legend").is_visible()
        heavier = "m => getComputedStyle(m).fontWeight - getComputedStyle(m.parentElement).fontWeight"
        assert min(page.evaluate(f"[...document.querySelectorAll('.posts mark')].map({heavier})")) > 0
    page.close()


def test_strangers_text_runs_nowhere(browser: Any, folder: Path, tmp_path: Path) -> None:
    publish_no_list(
        "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>", settings(tmp_path), tmp_path / "p", NOW
    )
    page = browser.new_page()
    page.goto((tmp_path / "p" / "latest.html").as_uri())
    assert page.title().startswith("【演练】今日无榜单")
    page.close()


def test_it_prints(browser: Any, folder: Path) -> None:
    page = browser.new_page()
    page.goto((folder / PAGES[0]).as_uri())
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert 4 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type/Page/") <= 16
    page.emulate_media(media="print")
    assert page.locator(".plan").first.is_visible()
    assert not page.locator(".links").first.is_visible()
    page.close()
