"""MediaCrawler's files, constructed after its own columns: seven platforms, two generations, contents and comments, three forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawlers.addresses import post_id
from crawlers.imports.bundles import Skipped, files_in, source_of
from crawlers.imports.importers import ImportProblem
from crawlers.items import Item
from tests.media_crawler import COMMENTS, NOTE, OURS, POSTS, REPLY, row_of, write_folder, write_rows
from tests.whole_import import Imported, read_whole
from warehouse.clock import parse_instant
from warehouse.watchlist import Hospital, Watchlist

NOW = parse_instant("2026-03-10T08:30+08:00")
LANHU = Watchlist((Hospital("lanhu_first", "岚湖市第一人民医院", aliases=("岚湖一院",)),))
SEEN = parse_instant("2026-03-09T21:05:07+08:00")


def read(path: Path, held: set[str] | None = None) -> Imported:
    return read_whole(path, LANHU, NOW, "mc", secret="s", known=None if held is None else lambda ids: ids & held)


@pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("generation", [2025, 2026])
@pytest.mark.parametrize("platform", POSTS)
def test_a_post_and_the_comment_under_it(tmp_path: Path, platform: str, generation: int, form: str) -> None:
    folder = tmp_path / "data" / platform / form
    posts = read(write_rows(folder / f"search_contents_2026-03-09.{form}", [row_of(platform, "contents", generation)]))
    post = Item(**posts.items.to_dicts()[0])
    assert (post.platform, post.text.endswith(NOTE), post.kind) == (OURS[platform], True, "post")
    assert post.published_at is not None
    assert post.published_at.replace(second=7) == SEEN
    assert (post.likes_n, post.reposts_n) == ({"tieba": None}.get(platform, 12), 1 if "share" in str(POSTS[platform]) else None)
    assert post.comments_n == {"kuaishou": None}.get(platform, 3)
    assert post.author_hash
    assert "张" not in str(post)

    comments = write_rows(folder / f"search_comments_2026-03-09.{form}", [row_of(platform, "comments", generation)])
    assert read(comments).report.not_ours_n == 1  # it names nobody, and we are not told what we hold
    found = read(comments, held={post.post_id})
    comment = Item(**found.items.to_dicts()[0])
    assert (comment.platform, comment.text, comment.kind, comment.parent_id) == (OURS[platform], REPLY, "comment", post.post_id)
    assert comment.post_id == post_id(OURS[platform], str(COMMENTS[platform]["comment_id"]))
    assert comment.likes_n == {"kuaishou": None, "tieba": None}.get(platform, 2)
    assert comment.author_hash == post.author_hash
    assert (found.report.rows_n, found.report.kept_n, found.report.not_ours_n) == (1, 1, 0)


@pytest.mark.parametrize("platform", sorted(set(POSTS) - {"bili", "kuaishou", "xhs"}))
def test_the_columns_alone_tell_the_platform(tmp_path: Path, platform: str) -> None:
    post = {name: value for name, value in row_of(platform, "contents", 2026).items() if not name.endswith("_url")}
    assert read(write_rows(tmp_path / "a.jsonl", [post])).items["platform"].to_list() == [OURS[platform]]
    comment = {**row_of(platform, "comments", 2026), "content": NOTE}
    assert read(write_rows(tmp_path / "b.jsonl", [comment])).items["platform"].to_list() == [OURS[platform]]


def test_an_answer_to_a_comment_knows_comment_and_post(tmp_path: Path) -> None:
    row = {**row_of("bili", "comments", 2025), "comment_id": "2", "parent_comment_id": "260000000001"}
    path = write_rows(tmp_path / "bili" / "jsonl" / "search_comments_2026-03-09.jsonl", [row])
    post = post_id("bilibili", url=str(POSTS["bili"]["video_url"]))
    comment = post_id("bilibili", "260000000001")
    for held in (post, comment):
        item = read(path, held={held}).items.to_dicts()[0]
        assert (item["parent_id"], item["root_id"]) == (comment, post)


def test_a_comment_that_concerns_nobody_leaves_no_trace_even_if_it_is_broken(tmp_path: Path) -> None:
    row = {**row_of("weibo", "comments", 2025), "create_date_time": "不知道"}
    path = write_rows(tmp_path / "weibo" / "jsonl" / "search_comments_2026-03-09.jsonl", [row])
    assert read(path, held=set()).rejects.height == 0
    held = read(path, held={post_id("weibo", "5143389461382402")})
    assert held.rejects.select("column", "reason").rows() == [("create_date_time", "bad_pattern")]
    assert "张三丰" not in held.rejects["row"][0]


def test_a_list_of_accounts_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, 2025, "csv")
    with pytest.raises(ImportProblem, match="a list of accounts, not of posts"):
        read(tmp_path / "data" / "weibo" / "csv" / "creator_creators_2026-03-09.csv")


@pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
def test_a_folder_gives_posts_before_comments_and_says_what_it_leaves(tmp_path: Path, form: str) -> None:
    folder = write_folder(tmp_path, 2026, form)
    found = list(files_in(folder, tmp_path))
    names = [each.name for each in found if not isinstance(each, Skipped)]
    assert len(names) == 14
    assert ["contents" in name for name in names] == [True] * 7 + [False] * 7
    assert {source_of(name) for name in names} == {f"import:mediacrawler_{platform}" for platform in POSTS}
    left = [each for each in found if isinstance(each, Skipped)]
    assert [Path(each.name).name.split("_")[1] for each in left] == ["creators", "comments"]
    assert not any(each.is_fault for each in left)
    assert [each.name for each in files_in(folder / "weibo", tmp_path) if not isinstance(each, Skipped)]  # one platform's folder, too


def test_any_other_folder_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("内容\n岚湖一院\n")
    with pytest.raises(ImportProblem, match=r"without files of MediaCrawler .*hot_search/.*pack the files into a .zip"):
        files_in(tmp_path, tmp_path)
