"""What PR sees: the page and its twins say the same, say what is missing, and cannot be used against the reader."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient

from briefing.desk.app import create
from briefing.evidence import marked, safe_link
from briefing.pages import Frames, explained, rule_words, spark
from briefing.publish import publish_no_list
from tests.sample_list import NOW, blind, coverage, publish_sample, quiet, sample, settings
from warehouse.clock import Clock
from warehouse.vocabulary import COVERAGE_STATUSES

DAY = "2026-03-10"


class Reader(HTMLParser):
    """Tags with their attributes, and the text a person reads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] != "style":
            self.words += data


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "published"


def page(out: Path, name: str = f"{DAY}/index.html") -> str:
    return (out / name).read_text(encoding="utf-8")


def words(out: Path, name: str = f"{DAY}/index.html") -> str:
    return " ".join(Reader(page(out, name)).words.split())


def twin(out: Path) -> dict:
    return json.loads((out / DAY / "list.json").read_text(encoding="utf-8"))


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / DAY / "list.csv").read_text(encoding="utf-8-sig"))))


def files(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


# ── the list ────────────────────────────────────────────────────────────


def test_every_file_of_a_day(out: Path) -> None:
    written = publish_sample(sample(), out).paths
    events = [f"{DAY}/events/{event}.html" for event in ("40e9", "7fa2", "b07d", "c3d8", "e1c4")]
    assert sorted(files(out)) == sorted(path.relative_to(out).as_posix() for path in written)
    assert set(files(out)) == {
        *events, f"{DAY}/index.html", f"{DAY}/list-0830.html", f"{DAY}/list.csv", f"{DAY}/list.json", "days.html", "latest.html",
    }  # fmt: skip


def test_the_same_tables_give_the_same_bytes(out: Path, tmp_path: Path) -> None:
    publish_sample(sample(), out)
    first = files(out)
    publish_sample(sample(), out)
    assert files(out) == first
    shuffled = sample()
    shuffled = Frames(**{name: frame.sample(fraction=1.0, shuffle=True, seed=3) for name, frame in vars(shuffled).items()})
    publish_sample(shuffled, tmp_path / "again" / "published")
    assert files(tmp_path / "again" / "published") == first


def test_a_card_says_all_that_is_promised(out: Path) -> None:
    publish_sample(sample(), out)
    said = words(out)
    first = said[said.index("第1位") :].split("第2位")[0]
    for promised in (
        "三级重度", "医疗质量与安全", "岚湖市妇女儿童医院", "麻醉科", "三岁患儿术后抢救无效，家属质疑岚湖妇儿麻醉过程",
        "24 小时内升级可能性 72% 较可能", "48 小时内升级可能性 81% 很可能", "预计累计帖数 133（八成把握 66–260）",
        "到 3月11日 08:30，本事件仍没有“累计达到 107 帖”，24 小时预测就记为“未升级”。", "近 6 小时发帖加快", "已知 51 帖", "上升",
        "达到三级（重度）标准：24 小时内升级可能性 72%（门槛 60%）。", "转发 320", "分管院领导", "3月10日 09:00 前", "3月11日 08:30 前",
        "不提赔偿数额", "guanchao trace",
    ):  # fmt: skip
        assert promised in first, promised
    assert first.count("看原帖") == 5


def test_the_page_and_its_twins_say_the_same(out: Path) -> None:
    frames = sample()
    publish_sample(frames, out)
    ids = frames.warnings.sort("rank")["warning_id"].to_list()
    assert re.findall(r'<article class="card \w+" id="w(\w+)"', page(out)) == ids
    assert [row["warning_id"] for row in twin(out)["warnings"]] == ids
    assert [row["words"]["预警编号"] for row in twin(out)["warnings"]] == ids
    assert [row["预警编号"] for row in rows(out)] == ids
    assert [(row["级别"], row["程度"]) for row in rows(out)] == [
        ("三级", "重度"), ("二级", "中度"), ("二级", "中度"), ("一级", "轻度"), ("一级", "轻度"),
    ]  # fmt: skip
    assert rows(out)[0]["24小时内升级可能性"] == "72%"


def test_level_number_and_word_are_never_apart(out: Path) -> None:
    publish_sample(sample(), out)
    for name in (f"{DAY}/index.html", f"{DAY}/events/e1c4.html"):
        said = words(out, name)
        for number in re.finditer("[一二三四五]级", said):
            assert re.match(r"（?(轻度|中度|重度)", said[number.end() :]), said[number.start() - 10 : number.end() + 10]


def test_unconfirmed_posts_are_marked_and_come_last(out: Path) -> None:
    publish_sample(sample(), out)
    assert "待确认，不作依据" not in words(out)
    said = words(out, f"{DAY}/events/e1c4.html")
    assert said.count("待确认，不作依据") == 1
    assert said.index("待确认，不作依据") > said.rindex("看原帖", 0, said.index("待确认")) > 0


def test_the_footer_counts_what_was_read(out: Path) -> None:
    publish_sample(sample(), out)
    said = words(out)
    for promised in ("301 条相关内容", "新增 149 条", "12 条不合数据规则", "guanchao-bert-2026.03", "escalation-lgbm-2026.03", "由人决定"):
        assert promised in said, promised


def test_data_docs_are_linked_from_every_depth(out: Path) -> None:
    publish_sample(sample(), out, data_docs=out / "data_docs" / "posts.html")
    for name in (f"{DAY}/index.html", "latest.html"):
        (link,) = re.findall(r'href="([^"]*data_docs[^"]*)"', page(out, name))
        assert ((out / name).parent / link).resolve() == (out / "data_docs" / "posts.html").resolve()


def test_every_relative_link_leads_to_a_file(out: Path) -> None:
    publish_sample(sample(), out)
    for name in files(out):
        if name.endswith(".html"):
            for tag, attributes in Reader(page(out, name)).tags:
                href = attributes.get("href") or ""
                if tag == "a" and not href.startswith(("#", "http")):
                    assert ((out / name).parent / href).resolve().is_file(), (name, href)


# ── silence is news ─────────────────────────────────────────────────────


def test_no_warnings_and_no_data_never_look_alike(out: Path, tmp_path: Path) -> None:
    publish_sample(quiet(), out)
    publish_sample(blind(), tmp_path / "blind" / "published")
    publish_sample(replace(quiet(), coverage=coverage().clear()), tmp_path / "none" / "published")
    publish_no_list("入库检查未通过", settings(tmp_path), tmp_path / "stopped" / "published", NOW)
    folders = [out, *(tmp_path / name / "published" for name in ("blind", "none", "stopped"))]
    assert [twin(folder)["state"] for folder in folders] == ["quiet", "uncovered", "uncovered", "no_list"]
    assert [rows(folder)[0]["榜单"] for folder in folders] == ["今日没有预警", "覆盖不足", "覆盖不足", "今日无榜单"]
    headings = [re.search(r"<h1>(.*?)</h1>", page(folder)).group(1) for folder in folders]
    assert headings == ["今日没有预警", "覆盖不足", "覆盖不足", "今日无榜单"]
    assert "8 个来源中 8 个正常" in words(out)
    assert "不能据此认为平安无事" in words(folders[1])
    assert "没有任何来源的采集记录" in words(folders[2])
    assert "没有数据" in words(folders[2])
    assert "入库检查未通过" in words(folders[3])
    assert rows(folders[3])[0]["说明"] == "入库检查未通过"


@pytest.mark.parametrize(("failed", "state"), [(3, "list"), (4, "uncovered")])
def test_the_heading_turns_when_too_few_sources_are_well(out: Path, failed: int, state: str) -> None:
    names = [row["source"] for row in coverage().iter_rows(named=True)]
    publish_sample(replace(sample(), coverage=coverage(**dict.fromkeys(names[:failed], ("mute", "login_wall")))), out)
    assert twin(out)["state"] == state
    assert len(rows(out)) == 5  # the warnings there are still stand


def test_each_source_says_how_it_did_in_words(out: Path) -> None:
    publish_sample(sample(), out)
    cells = re.findall(r'<li class="cell (\w+)"><b>(.*?)</b><span class="state">(.*?)</span><span class="why">(.*?)</li>', page(out), re.S)
    assert len(cells) == 8
    assert cells[0][:3] == ("failed", "抖音热榜", "采集失败")
    assert "遇到验证码" in cells[0][3]
    assert cells[1][:3] == ("quiet", "岚湖吧", "偏少")
    assert all(COVERAGE_STATUSES[status] == word for status, _, word, _ in cells)


def test_a_stopped_stage_never_shows_an_older_list_as_todays(out: Path) -> None:
    publish_sample(sample(), out)
    tomorrow = NOW + timedelta(days=1)
    publish_no_list("采集阶段中断", settings(out.parent), out, tomorrow)
    assert "采集阶段中断" in words(out, "latest.html")
    assert "三岁患儿" not in page(out, "latest.html")
    assert "三岁患儿" in page(out)
    assert "采集阶段中断" in words(out, "days.html")


def test_a_stop_later_in_the_day_keeps_the_morning_list_in_reach(out: Path) -> None:
    publish_sample(sample(), out)
    publish_no_list("采集阶段中断", settings(out.parent), out, NOW + timedelta(hours=2), earlier=[NOW])
    assert "今日无榜单" in words(out)
    assert 'href="list-0830.html"' in page(out)
    assert "三岁患儿" in page(out, f"{DAY}/list-0830.html")


def test_a_look_back_to_before_the_days_list_takes_nothing_of_its_place(out: Path) -> None:
    publish_sample(sample(), out)
    before = {name: (out / name).read_bytes() for name in files(out) if not name.endswith("days.html")}
    publish_no_list("采集阶段中断", settings(out.parent), out, NOW - timedelta(hours=2))
    assert {name: (out / name).read_bytes() for name in before} == before
    assert "采集阶段中断" in words(out, f"{DAY}/list-0630.html")
    publish_sample(sample(), out)
    assert {name: (out / name).read_bytes() for name in before} == before


def test_a_day_run_again_does_not_become_the_latest(out: Path) -> None:
    publish_no_list("采集阶段中断", settings(out.parent), out, NOW + timedelta(days=1))
    publish_sample(sample(), out)
    assert "采集阶段中断" in words(out, "latest.html")
    assert re.findall(r'href="(\d{4}-\d\d-\d\d)/', page(out, "days.html")) == ["2026-03-11", DAY]


def test_what_the_budget_held_back_is_said(out: Path) -> None:
    publish_sample(sample(), out)
    assert "预算之外" not in words(out)
    publish_sample(sample(), out, beyond_budget_n=7)
    assert "另有 7 条在预算之外" in words(out)
    assert twin(out)["beyond_budget_n"] == 7


# ── drills ──────────────────────────────────────────────────────────────


def test_a_drill_is_stamped_everywhere_and_life_nowhere(out: Path, tmp_path: Path) -> None:
    publish_sample(sample(), out)
    publish_sample(sample(is_drill=False), tmp_path / "life" / "published", is_drill=False)
    for name in files(out):
        text = (out / name).read_text(encoding="utf-8-sig")
        assert "演练" in text, name
        if name.endswith(".html"):
            assert 'class="stamp"' in text
            assert 'class="watermark"' in text
    assert twin(out)["is_drill"] is True
    assert {row["演练"] for row in rows(out)} == {"演练"}
    life = tmp_path / "life" / "published"
    assert twin(life)["is_drill"] is False
    assert {row["演练"] for row in rows(life)} == {"否"}
    assert not any("演练" in (life / name).read_text(encoding="utf-8-sig") for name in files(life) if name.endswith(".html"))


def test_a_quiet_or_stopped_drill_is_stamped_too(out: Path) -> None:
    publish_sample(quiet(), out)
    assert rows(out)[0]["演练"] == "演练"
    publish_no_list("中断", settings(out.parent), out, NOW)
    assert rows(out)[0]["演练"] == "演练"
    assert 'class="stamp"' in page(out)


# ── hostile text ────────────────────────────────────────────────────────

HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'><a href="javascript:alert(3)">'


def hostile(title: str = HOSTILE, url: str = "javascript:alert(4)") -> Frames:
    frames = sample()
    posts = frames.posts.with_columns(title=pl.lit(title), text=pl.lit(title) + pl.col("post_id"), url=pl.lit(url))
    return replace(
        frames,
        posts=posts,
        events=frames.events.with_columns(title=pl.lit(title)),
        warnings=frames.warnings.with_columns(title=pl.lit(title)),
        forecasts=frames.forecasts.with_columns(drivers=pl.lit([title]), resolve_rule=pl.lit(title)),
    )


def test_strangers_text_stays_text(out: Path) -> None:
    publish_sample(hostile(), out)
    for name in files(out):
        if name.endswith(".html"):
            for tag, attributes in Reader(page(out, name)).tags:
                assert tag not in ("script", "img", "iframe", "object", "form", "base")
                assert not any(attribute.startswith("on") for attribute in attributes)
                assert not (attributes.get("href") or "").lower().startswith(("javascript", "data", "vbscript"))
    assert HOSTILE in Reader(page(out)).words
    assert "没有可打开的链接" in words(out)


def test_a_stopping_reason_is_text_too(out: Path) -> None:
    publish_no_list(HOSTILE, settings(out.parent), out, NOW)
    assert HOSTILE in Reader(page(out)).words
    publish_no_list("", settings(out.parent), out, NOW, HOSTILE)
    assert HOSTILE in Reader(page(out)).words


def test_the_engineers_line_stands_below_what_pr_reads_and_not_on_the_days(out: Path) -> None:
    publish_no_list("系统停下了", settings(out.parent), out, NOW, "posts: cannot be read")
    assert words(out).index("系统停下了") < words(out).index("posts: cannot be read")
    assert "cannot be read" not in words(out, "days.html")
    assert (twin(out)["why"], twin(out)["details"]) == ("系统停下了", "posts: cannot be read")
    assert rows(out)[0]["说明"] == "系统停下了"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScRiPt:1", " javascript:1", "data:text/html,x", "//evil.example", "ftp://x.example", "http:",
     "http://[", "", None],
)  # fmt: skip
def test_only_web_addresses_are_links(url: str | None) -> None:
    assert safe_link(url) is None


def test_web_addresses_open_without_handing_the_page_over(out: Path) -> None:
    publish_sample(sample(), out)
    outward = [attributes for tag, attributes in Reader(page(out)).tags if tag == "a" and (attributes.get("href") or "").startswith("http")]
    assert outward
    assert all({"noopener", "noreferrer"} <= set((a["rel"] or "").split()) for a in outward)
    assert all((a["href"] or "").startswith("https://") for a in outward)


@pytest.mark.parametrize("start", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", " =1", "＝1", "\r=1"])
def test_no_cell_of_the_table_runs(out: Path, start: str) -> None:
    publish_sample(hostile(title=start), out)
    assert all(row["标题"].lstrip("\r\n").startswith("'") for row in rows(out))
    for row in rows(out):
        for value in row.values():
            assert not value.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "＝")), value


def test_the_table_opens_in_a_spreadsheet_in_chinese(out: Path) -> None:
    publish_sample(sample(), out)
    assert (out / DAY / "list.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_pages_ask_for_nothing_outside(out: Path) -> None:
    publish_sample(sample(), out)
    for name in files(out):
        if name.endswith(".html"):
            text = page(out, name)
            assert not [tag for tag, attributes in Reader(text).tags if "src" in attributes or tag == "link"]
            assert "url(" not in text
            assert "@import" not in text


# ── why it was read so ──────────────────────────────────────────────────


def marks(out: Path, name: str = f"{DAY}/events/e1c4.html") -> list[str]:
    """Marked words of the evidence, the legend's own left out."""
    return re.findall(r"<mark>(.*?)</mark>", page(out, name))[1:]


def test_the_words_that_moved_the_reading_are_marked_and_named(out: Path) -> None:
    publish_sample(sample(), out)
    assert sorted(marks(out)) == sorted(["手术室", "没了", "麻醉", "抢救无效"])
    said = words(out, f"{DAY}/events/e1c4.html")
    assert "标出的词最影响判断" in said
    assert "模型判为“负面”，主要因为：没了；判为“医疗质量与安全”，主要因为：麻醉、手术室。" in said
    assert "麻醉记录到现在不给看，我们只想知道" in said
    for name in (f"{DAY}/index.html", f"{DAY}/events/b07d.html"):
        assert "<mark>" not in page(out, name)
        assert "主要因为：" not in words(out, name)


def test_marks_do_not_depend_on_what_a_later_list_explained(out: Path) -> None:
    """Only the first posts of an event carry marks, so that an old list printed again is the same page."""
    frames = sample()
    first = explained(frames, NOW)["post_id"].to_list()
    assert sum(post_id.startswith("e1c4") for post_id in first) == 5
    publish_sample(frames, out)
    before = files(out)
    later = frames.explanations.head(1).join(frames.posts.select(other="post_id").filter(~pl.col("other").is_in(first)), how="cross")
    later = later.with_columns(post_id="other").drop("other")
    assert later.height > 20
    publish_sample(replace(frames, explanations=pl.concat([frames.explanations, later])), out)
    assert files(out) == before


def test_marks_in_hostile_text_are_no_markup(out: Path) -> None:
    frames = hostile()
    row = frames.explanations.head(1)
    places = [("script", 1), ("img", HOSTILE.index("img")), ("><img", HOSTILE.index("><img")), ("outside", 900)]
    moved = pl.concat(
        [row.with_columns(part=pl.lit(part), word=pl.lit(w), start_n=pl.lit(n, pl.Int64)) for w, n in places for part in ("title", "text")]
    )
    first = explained(frames, NOW).select("post_id")
    publish_sample(replace(frames, explanations=moved.drop("post_id").join(first, how="cross").select(frames.explanations.columns)), out)
    for name in files(out):
        if name.endswith(".html"):
            assert {tag for tag, _ in Reader(page(out, name)).tags} & {"script", "img", "iframe"} == set()
    assert HOSTILE in Reader(page(out, f"{DAY}/events/e1c4.html")).words
    assert "<mark>script</mark>" in page(out, f"{DAY}/events/e1c4.html")


@pytest.mark.parametrize("longest", [3, 8, 100])
@pytest.mark.parametrize("raw", ["  甲乙\n\n丙　丁 ", "", "<a>&amp;", "字" * 50, "e\u0301👍🏽\u200b\x1c尾"])
def test_marking_changes_no_character(raw: str, longest: int) -> None:
    plain = "".join(text for text, _ in marked(raw, [], longest))
    for start in range(len(raw) + 2):
        for end in range(start + 1, len(raw) + 3):
            assert "".join(text for text, _ in marked(raw, [(start, end)], longest)) == plain


def test_what_is_marked_is_what_was_found() -> None:
    assert marked("患儿\n 抢救 无效。", [(0, 2), (4, 6), (7, 9)], 99) == [
        ("患儿", True), (" ", False), ("抢救", True), (" ", False), ("无效", True), ("。", False),
    ]  # fmt: skip
    assert marked("甲 乙丙", [(0, 3)], 99) == [("甲 乙", True), ("丙", False)]
    assert marked("甲乙丙丁", [(1, 4)], 2) == [("甲", False), ("乙", True), ("……", False)]


# ── small parts ─────────────────────────────────────────────────────────


def test_the_drawing_counts_what_it_shows() -> None:
    hours = (0, 0.5, 2.9, 3, 23.9, 24, 47, 71.9, 72, 90)
    drawn = spark([NOW - timedelta(hours=h) for h in hours], NOW)
    assert len(drawn["bars"]) == 24
    assert sum(drawn["bars"]) == 8  # 72 h and 90 h ago lie outside
    assert (drawn["bars"][-1], drawn["last"], drawn["before"], drawn["trend"]) == (3, 5, 2, "上升")


def test_resolve_rules_read_as_sentences() -> None:
    assert rule_words("board_top10:24h") == ("有帖文登上热榜前 10 位", "居前 10 位的小时数")
    assert rule_words("event_posts>=12:48h") == ("累计达到 12 帖", "累计帖数")
    assert rule_words("something new") == ("something new", "规模")


def test_an_event_without_forecast_says_so(out: Path) -> None:
    frames = sample()
    publish_sample(replace(frames, forecasts=frames.forecasts.clear()), out)
    assert "本事件没有预测" in words(out)
    assert rows(out)[0]["24小时内升级可能性"] == ""


def test_a_failed_write_leaves_the_old_page_whole(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_sample(quiet(), out)
    before = page(out)
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        publish_sample(sample(), out)
    assert page(out) == before


# ── the desk ────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    out = tmp_path_factory.mktemp("desk") / "published"
    publish_sample(sample(), out)
    (out.parent / "secret.html").write_text("secret", encoding="utf-8")
    (out / "notes.txt").write_text("secret", encoding="utf-8")
    with TestClient(create(out), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "kind", "holds"),
    [
        ("/", "text/html", "今日预警榜"), ("/days", "text/html", "往日榜单"), (f"/{DAY}/", "text/html", "今日预警榜"),
        (f"/{DAY}/index.html", "text/html", "三岁患儿"), (f"/{DAY}/list-0830.html", "text/html", "三岁患儿"),
        (f"/{DAY}/list.csv", "text/csv", "预警编号"),
        (f"/{DAY}/list.json", "application/json", '"state": "list"'), (f"/{DAY}/events/e1c4.html", "text/html", "全部证据"),
    ],
)  # fmt: skip
def test_the_desk_serves_what_was_published(desk: TestClient, path: str, kind: str, holds: str) -> None:
    answer = desk.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert holds in answer.text


def test_links_work_on_the_desk_as_they_do_in_the_folder(desk: TestClient) -> None:
    for start in ("/", "/days", f"/{DAY}/", f"/{DAY}/events/e1c4.html"):
        for tag, attributes in Reader(desk.get(start).text).tags:
            href = attributes.get("href") or ""
            if tag == "a" and not href.startswith(("#", "http")):
                assert desk.get(str(desk.base_url.join(start).join(href))).status_code == 200, (start, href)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.html", "/%2e%2e/secret.html", f"/{DAY}/../../secret.html", f"/{DAY}/%2e%2e%2f%2e%2e%2fsecret.html", "/notes.txt",
        f"/{DAY}/events/..%2f..%2f..%2fsecret.html", "/2026-03-11/", "//etc/passwd", "/etc/passwd", "/docs", "/openapi.json",
        f"/{DAY}/events/e1c4.html%00", f"/{DAY}/.index.html.1", "/data_docs/../../secret.html",
    ],
)  # fmt: skip
def test_nothing_else_is_served(desk: TestClient, path: str) -> None:
    answer = desk.get(path)
    assert answer.status_code == 404
    assert "没有这一页" in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/", f"/{DAY}/list.json", "/nowhere", "/healthz"])
def test_every_answer_is_guarded(desk: TestClient, path: str) -> None:
    headers = desk.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "script-src" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_the_desk_only_reads(desk: TestClient) -> None:
    assert desk.post("/").status_code == desk.put(f"/{DAY}/index.html").status_code == desk.delete("/days").status_code == 405


def test_health_says_the_latest_day(desk: TestClient, tmp_path: Path) -> None:
    assert desk.get("/healthz").json() == {"ok": True, "latest": DAY}
    assert TestClient(create(tmp_path / "empty")).get("/healthz").status_code == 503


def test_yesterdays_list_is_not_todays(out: Path) -> None:
    publish_sample(sample(), out)
    same_day = TestClient(create(out, Clock(NOW + timedelta(hours=8), speed=0)))
    next_day = TestClient(create(out, Clock(NOW + timedelta(days=1), speed=0)))
    assert "三岁患儿" in same_day.get("/").text
    assert "今日尚无榜单" in next_day.get("/").text
    assert "三岁患儿" not in next_day.get("/").text


def test_an_empty_folder_is_a_page_not_an_error(tmp_path: Path) -> None:
    answer = TestClient(create(tmp_path)).get("/")
    assert answer.status_code == 404
    assert "没有这一页" in answer.text
