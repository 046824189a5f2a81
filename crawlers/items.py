"""What a crawl writes: items (columns of raw_items) and fetches. `make_item` is the only way to an Item, so that every text that
reaches the disk has been cleaned and every author hashed. Importers use it too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crawlers.addresses import canonical_url, post_id, weibo_uid
from crawlers.clean import author_hash, plain, province
from crawlers.counts import read_count
from crawlers.redact import redact
from crawlers.times import Moment, read_time

Said = str | int | float | None  # a time or count as a site wrote it


@dataclass(slots=True)
class Item:
    """One row of raw_items (warehouse.schema); the store adds run_id and day_on."""

    post_id: str
    source: str
    platform: str
    kind: str
    parent_id: str | None
    root_id: str | None
    url: str | None
    author_hash: str | None
    author_kind: str | None
    is_verified: bool | None
    followers_n: int | None
    region: str | None
    title: str | None
    text: str
    published_at: datetime | None
    published_precision: str
    first_seen_at: datetime
    observed_at: datetime
    reposts_n: int | None
    comments_n: int | None
    likes_n: int | None
    views_n: int | None
    board_rank: int | None
    heat: float | None
    fetch_id: str


@dataclass(slots=True)
class Fetch:
    """One row of fetches: an answer, or the reason why there is none."""

    fetch_id: str
    source: str
    url: str
    fetched_at: datetime
    http_status: int | None
    reason: str
    detail: str | None
    bytes_n: int
    items_n: int
    sha256: str | None
    warc_file: str | None
    warc_offset: int | None
    etag: str | None = None
    last_modified: str | None = None
    cursor: str | None = None


@dataclass(slots=True)
class Answer:
    """An answer's row and the items kept from it: they land together or not at all."""

    fetch: Fetch
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Origin:
    """What all items of one answer share. `secret` keys the author hashes; `seen_at` is the base of relative times."""

    source: str
    platform: str
    fetch_id: str
    seen_at: datetime
    secret: str
    author_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a parser read, as the site said it: markup, counts and times raw. The parser's only duty is to find the fields."""

    text: str
    native_id: str | None = None
    url: str | None = None
    title: str | None = None
    kind: str = "post"
    platform: str | None = None
    published: Said | Moment = None
    author: str | None = None
    author_kind: str | None = None
    is_verified: bool | None = None
    followers: Said = None
    region: str | None = None
    parent: str | None = None
    root: str | None = None
    reposts: Said = None
    comments: Said = None
    likes: Said = None
    views: Said = None
    heat: Said = None
    board_rank: int | None = None


def make_item(read: Reading, origin: Origin) -> Item:
    """Clean, redact, hash, date and count one reading. ValueError if it has neither an id nor an address.

    `parent` and `root` are the platform's own ids; a title that only repeats the start of the text is dropped for posts.
    """
    platform = read.platform or origin.platform
    text, title = redact(plain(read.text)), redact(plain(read.title or "")).replace("\n", " ")
    if not text:
        text = title
    if read.kind == "post" and text.replace("\n", " ").startswith(title.rstrip("….").removesuffix("[图片]").strip()):
        title = ""
    moment = read.published if isinstance(read.published, Moment) else read_time(read.published, origin.seen_at)
    author = read.author or (weibo_uid(read.url) if read.url and platform == "weibo" else None)
    heat = read_count(read.heat)
    return Item(
        post_id=post_id(platform, read.native_id, read.url),
        source=origin.source, platform=platform, kind=read.kind,
        parent_id=post_id(platform, read.parent) if read.parent else None,
        root_id=post_id(platform, read.root) if read.root else None,
        url=canonical_url(read.url) if read.url else None,
        author_hash=author_hash(origin.secret, platform, author) if author else None,
        author_kind=read.author_kind or origin.author_kind,
        is_verified=read.is_verified, followers_n=read_count(read.followers), region=province(read.region),
        title=title or None, text=text,
        published_at=moment.at, published_precision=moment.precision,
        first_seen_at=origin.seen_at, observed_at=origin.seen_at,
        reposts_n=read_count(read.reposts), comments_n=read_count(read.comments), likes_n=read_count(read.likes),
        views_n=read_count(read.views), board_rank=read.board_rank, heat=float(heat) if heat is not None else None,
        fetch_id=origin.fetch_id,
    )  # fmt: skip
