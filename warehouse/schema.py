"""Every column once, every table as an ordered list of columns. Polars schema, expectations and dictionary follow from here.

Endings: `_at` UTC instant · `_on` Shanghai date (text, YYYY-MM-DD) · `_id` stable hash or name · `_n` count · `_p` probability 0-1 ·
`_h` hours · `is_/has_` boolean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from warehouse import vocabulary as words

AT = pl.Datetime("us", "UTC")
TEXT, COUNT, REAL, FLAG, LIST = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean(), pl.List(pl.String())


@dataclass(frozen=True)
class Column:
    """One meaning, wherever it appears. `low`/`high` bound numbers, `longest` bounds text (characters).

    `aliases` are names it had before: older files are still read by them. `before` is what rows of files without it mean.
    """

    name: str
    dtype: pl.DataType
    meaning: str
    values: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    longest: int | None = None
    pattern: str | None = None
    aliases: tuple[str, ...] = ()
    before: str | None = None


@dataclass(frozen=True)
class Table:
    """`key` is unique; `clock` is our clock (as-of reads keep rows with clock ≤ as_of); partitions are its Shanghai days.

    `optional` columns may be null, all others may not. Rows older than `keep_days` may be dropped (None: kept for good). `retired` columns
    are in older files and are read no more.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    clock: str
    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()
    keep_days: int | None = None
    retired: tuple[str, ...] = ()


def _ids() -> list[Column]:
    return [
        Column("fetch_id", TEXT, "one answer of one site: hash of source, url and fetch time; imports: of file and row"),
        Column("post_id", TEXT, "hash of source and native id, or of the canonical url"),
        Column("parent_id", TEXT, "post this one answers or reposts"),
        Column("root_id", TEXT, "post the thread or cascade starts from"),
        Column("event_id", TEXT, "hash of the event's first post; stays the same across days"),
        Column("warning_id", TEXT, "hash of event, level and day"),
        Column("hospital_id", TEXT, "id in conf/hospitals.yml; `*` where the watch-list is every hospital"),
        Column("verdict_id", TEXT, "hash of warning, person and time"),
        Column("delivery_id", TEXT, "hash of list, channel and part"),
        Column("row_id", TEXT, "key of the row that was set aside, or its position in the file"),
        Column("action_id", TEXT, "hash of the row set aside and of what was done with it, when"),
        Column("erased_id", TEXT, "post_id, author_hash or sha256 of an address, let in no more, or fetch_id whose answer was erased"),
        Column("run_id", TEXT, "the run that wrote the row: flow and as_of"),
    ]


def _times() -> list[Column]:
    return [
        Column("fetched_at", AT, "when the answer arrived (our clock)"),
        Column("published_at", AT, "when the author published it (their clock)"),
        Column("first_seen_at", AT, "when we first saw it (our clock)"),
        Column("observed_at", AT, "when its counts were read (our clock)"),
        Column("as_of", AT, "the instant the run looks back from; nothing later is known to it"),
        Column("first_post_at", AT, "first post of the event, by their clock"),
        Column("last_post_at", AT, "latest post of the event, by their clock"),
        Column("resolve_at", AT, "when the forecast is decided"),
        Column("resolved_at", AT, "when the outcome was decided (our clock)"),
        Column("due_at", AT, "when the playbook wants the first response"),
        Column("sent_at", AT, "when a list or alert left"),
        Column("said_at", AT, "when a person gave the verdict"),
        Column("set_aside_at", AT, "when the row was quarantined (our clock)"),
        Column("last_ok_at", AT, "last time the source answered"),
        Column("newest_at", AT, "newest post we know of the source, by its author's clock; an undated one, by when we last saw it"),
        Column("acted_at", AT, "when a person let a row in or wrote it off (our clock)"),
        Column("erased_at", AT, "when it was erased (our clock)"),
        Column("day_on", TEXT, "Shanghai day of the table's clock: the partition", pattern=r"^\d{4}-\d{2}-\d{2}$"),
    ]


def _posts() -> list[Column]:
    return [
        Column("source", TEXT, "id of the source's card, or import:<name>"),
        Column("platform", TEXT, "where the public reads it", values=tuple(words.PLATFORMS)),
        Column("kind", TEXT, "what sort of text", values=tuple(words.KINDS)),
        Column("url", TEXT, "canonical address", longest=2000),
        Column("author_hash", TEXT, "HMAC of platform and user id; never the name"),
        Column("author_kind", TEXT, "who speaks", values=tuple(words.AUTHOR_KINDS)),
        Column("is_verified", FLAG, "the platform vouches for the author"),
        Column("followers_n", COUNT, "followers when seen", low=0, high=2e9),
        Column("region", TEXT, "province the platform shows, nothing finer", longest=20),
        Column("title", TEXT, "headline, personal data masked", longest=500),
        Column("text", TEXT, "body, personal data masked", longest=50_000),
        Column("published_precision", TEXT, "how exact published_at is", values=tuple(words.PRECISIONS)),
        Column("reposts_n", COUNT, "reposts or shares so far", low=0, high=1e10),
        Column("comments_n", COUNT, "comments or answers so far", low=0, high=1e10),
        Column("likes_n", COUNT, "likes so far", low=0, high=1e10),
        Column("views_n", COUNT, "views so far", low=0, high=1e12),
        Column("board_rank", COUNT, "place on a hot board, 1 is top", low=1, high=1000),
        Column("heat", REAL, "the board's own heat figure", low=0, high=1e12),
    ]


def _fetches() -> list[Column]:
    return [
        Column("http_status", COUNT, "answer code; null if none came", low=100, high=599),
        Column("reason", TEXT, "why we got, or did not get, something", values=tuple(words.COVERAGE_REASONS)),
        Column("detail", TEXT, "one line for an engineer", longest=500),
        Column("bytes_n", COUNT, "size of the answer's body", low=0),
        Column("items_n", COUNT, "items read from it", low=0),
        Column("sha256", TEXT, "of the body as archived", pattern=r"^[0-9a-f]{64}$"),
        Column("warc_file", TEXT, "archive file under the warehouse root"),
        Column("warc_offset", COUNT, "where the record starts", low=0),
        Column("etag", TEXT, "validator of an answer that led to no further address; sent with the next request", longest=500),
        Column("last_modified", TEXT, "the other validator, as the site wrote it", longest=100),
        Column("cursor", TEXT, "how far a list was read, for the next run: key, tab, the site's own value", longest=500),
    ]


def _readings() -> list[Column]:
    return [
        Column("campus", TEXT, "院区"),
        Column("department", TEXT, "科室"),
        Column("person", TEXT, "key person named"),
        Column("evidence", TEXT, "the words that made us think so", longest=500),
        Column("confidence_p", REAL, "how sure the mention is", low=0, high=1),
        Column("status", TEXT, "confirmed, or alias without place evidence", values=tuple(words.MENTION_STATUSES)),
        Column("model_version", TEXT, "name and hash of the model that said so"),
        Column("relevant_p", REAL, "the text judges a hospital, its people or the health system", low=0, high=1),
        Column("negative_p", REAL, "sentiment toward the medical side", low=0, high=1),
        Column("neutral_p", REAL, "sentiment toward the medical side", low=0, high=1),
        Column("positive_p", REAL, "sentiment toward the medical side", low=0, high=1),
        Column("category", TEXT, "main crisis type", values=tuple(words.CATEGORIES)),
        Column("category_p", REAL, "probability of that category", low=0, high=1),
    ]


def _labels() -> list[Column]:
    return [
        Column("text_key", TEXT, "equal for texts the model could not tell apart: hash of the prepared text"),
        Column("annotator", TEXT, "pseudonym of who labelled, never the name; `desk` where it follows from a verdict", longest=40),
        Column("labelled_at", AT, "when the label reached us (our clock)"),
        Column("is_relevant", FLAG, "a person says: the text judges a hospital, its people or the health system"),
        Column("sentiment", TEXT, "a person says: sentiment toward the medical side", values=tuple(words.SENTIMENTS)),
        Column("trust_p", REAL, "how far the label is believed: its weight against others of the same text", low=0, high=1),
        Column("queue_reason", TEXT, "why the text was put before a person", values=tuple(words.QUEUE_REASONS)),
        Column("origin", TEXT, "sha256 of the file it came in, or the verdict_id"),
    ]


def _events() -> list[Column]:
    return [
        Column("posts_n", COUNT, "posts known of the event", low=0),
        Column("authors_n", COUNT, "distinct known authors", low=0),
        Column("platforms", LIST, "platforms it was seen on, sorted"),
        Column("growth", REAL, "posts of the last 24 h over posts of the 24 h before, both + 1", low=0),
        Column(
            "target",
            TEXT,
            "what is forecast: the shape of its rule (vocabulary.TARGETS)",
            pattern=r"^(?:escalation|level_[1-5]|reposts_\d+|board_top10|on_board)$",
            before="escalation",
        ),
        Column("horizon_h", COUNT, "hours ahead", low=1, high=168),
        Column("escalates_p", REAL, "calibrated probability that the rule holds at resolve_at", low=0, high=1),
        Column("expected_n", REAL, "expected size at the horizon, in the unit the rule names", low=0),
        Column("low_n", REAL, "80 % interval, lower end", low=0),
        Column("high_n", REAL, "80 % interval, upper end", low=0),
        Column("drivers", LIST, "what moved the forecast most, in PR's words"),
        Column("resolve_rule", TEXT, "what would prove it right, on data alone"),
        Column("counterfactual", TEXT, "the odds, were one thing otherwise, in PR's words", longest=500),
        Column("moved_by", LIST, "post_ids whose absence would move the odds most, most first"),
        Column("area_kind", TEXT, "what an area is", values=tuple(words.AREA_KINDS)),
        Column("area", TEXT, "department as mentions name it, or category"),
        Column("week_on", TEXT, "Monday of the week that is looked ahead to", pattern=r"^\d{4}-\d{2}-\d{2}$"),
        Column("naive_n", REAL, "the seasonal-naive baseline's figure", low=0),
        Column("level", COUNT, "level number in the hospital's own scheme", low=1, high=5),
        Column("severity", TEXT, "the severity word of the scheme, always printed beside the number"),
        Column("rank", COUNT, "place on the list", low=1),
        Column("reasons", LIST, "why this level, in PR's words"),
        Column("owner_role", TEXT, "who acts"),
        Column("plan_version", TEXT, "hash of the playbook in force"),
        Column("is_drill", FLAG, "演练: constructed or replayed, never real"),
    ]


def _records() -> list[Column]:
    return [
        Column("channel", TEXT, "file, mail, 企业微信 …"),
        Column("receipt", TEXT, "what the channel answered", longest=500),
        Column("is_sent", FLAG, "it left"),
        Column("outcome", TEXT, "how it ended", values=tuple(words.OUTCOMES)),
        Column("observed_n", REAL, "the figure the rule was decided on"),
        Column("reached_at", AT, "when what the rule asks for was first seen (our clock), before or after the forecast"),
        Column("person_role", TEXT, "role of the person on the desk"),
        Column("verdict", TEXT, "what a person decided", values=tuple(words.VERDICTS)),
        Column("note", TEXT, "what the person wrote", longest=2000),
        Column("erased_kind", TEXT, "what was erased", values=tuple(words.ERASED_KINDS)),
        Column("table_name", TEXT, "table the row was meant for"),
        Column("quarantine_reason", TEXT, "first rule the row broke", values=tuple(words.QUARANTINE_REASONS)),
        Column("column_name", TEXT, "column that broke it"),
        Column("row", TEXT, "the row as JSON, personal data already masked", longest=200_000),
        Column("coverage_status", TEXT, "how the source did", values=tuple(words.COVERAGE_STATUSES)),
        Column("expected_n_low", COUNT, "daily floor of the source's card", low=0),
        Column("fetches_n", COUNT, "requests made", low=0),
        Column("got_n", COUNT, "items that concern us", low=0),
        Column("landed_n", COUNT, "items that were new", low=0),
        Column("quarantined_n", COUNT, "items set aside", low=0),
        Column("expected_n_high", COUNT, "daily ceiling of the source's card", low=0),
        Column("cadence_min", COUNT, "minutes between two looks at the source, as its card promises", low=1),
        Column("is_asked", FLAG, "this run asked the source; a pulse asks only those that are due"),
        Column(
            "lag_median_min",
            REAL,
            "minutes from publication to our first sight: median of a week's posts published since we look",
        ),
        Column("lag_p95_min", REAL, "the same, 95 of 100 posts"),
    ]


def _checks() -> list[Column]:
    return [
        Column("check_name", TEXT, "what was measured: the rule and, after a colon, the column", longest=200),
        Column("check_severity", TEXT, "the gravest the rule can end in", values=("warn", "stop")),
        Column("check_verdict", TEXT, "how it ended", values=tuple(words.CHECK_VERDICTS)),
        Column("value", REAL, "what was measured; null for what has no number"),
        Column("limit", REAL, "the limit it broke, or the one it comes to first"),
        Column("rows_n", COUNT, "rows judged", low=0),
        Column("sentence", TEXT, "what people are told of it; null where it passed", longest=2000),
        Column("action", TEXT, "what a person did with a row set aside", values=tuple(words.QUARANTINE_ACTIONS)),
        Column("is_override", FLAG, "let in although it still broke the rule"),
        Column("acted_by", TEXT, "who did it: account on the machine, or the name given", longest=100),
        Column("why", TEXT, "the reason given", longest=500),
    ]


def _drift() -> list[Column]:
    return [
        Column("feature", TEXT, "what is compared: of the text, or of what the model read in it", values=tuple(words.DRIFT_FEATURES)),
        Column("days_n", COUNT, "days looked back over", low=1, high=366),
        Column("texts_n", COUNT, "distinct texts the model read in those days", low=0),
        Column("reference", TEXT, "what they are compared with", values=tuple(words.DRIFT_REFERENCES)),
        Column("reference_n", COUNT, "distinct texts of the reference", low=0),
        Column("psi", REAL, "population stability index against the reference; null where it would say nothing", low=0),
        Column("chance_psi", REAL, "the psi that so many texts pass by chance alone once in a thousand times", low=0),
        Column("text_mean", REAL, "mean over the texts; null for a name"),
        Column("reference_mean", REAL, "mean over the reference"),
        Column("drift_status", TEXT, "psi against its limits and against chance", values=tuple(words.DRIFT_STATUSES)),
    ]


def _explanations() -> list[Column]:
    labels = tuple(label for labels in words.READINGS.values() for label in labels)
    return [
        Column("head", TEXT, "which of the classifier's decisions", values=tuple(words.READINGS)),
        Column("label", TEXT, "what it decided", values=labels),
        Column("part", TEXT, "column of the post that the word stands in", values=("title", "text")),
        Column("start_n", COUNT, "characters of that column before the word", low=0),
        Column("word", TEXT, "as it stands there", longest=200),
        Column("fall_p", REAL, "how far the label's probability falls when the word is left out", low=0, high=1),
    ]


_GROUPS = (_ids, _times, _posts, _fetches, _readings, _labels, _events, _records, _checks, _drift, _explanations)
COLUMNS: dict[str, Column] = {column.name: column for group in _GROUPS for column in group()}

_TABLES = [
    Table("fetches", "every answer of every site, with its reason code and where its bytes lie", ("fetch_id",), "fetched_at",
          ("fetch_id", "source", "url", "fetched_at", "http_status", "reason", "detail", "bytes_n", "items_n", "sha256", "warc_file",
           "warc_offset", "etag", "last_modified", "cursor"),
          ("http_status", "detail", "sha256", "warc_file", "warc_offset", "etag", "last_modified", "cursor"), keep_days=180),
    Table("posts", "what the public said, once each", ("post_id",), "first_seen_at",
          ("post_id", "source", "platform", "kind", "parent_id", "root_id", "url", "author_hash", "author_kind", "is_verified",
           "followers_n",
           "region", "title", "text", "published_at", "published_precision", "first_seen_at", "fetch_id"),
          ("parent_id", "root_id", "url", "author_hash", "author_kind", "is_verified", "followers_n", "region", "title", "published_at"),
          keep_days=180),
    Table("raw_items", "landing files of one run, before the gate; each item becomes a post and an observation", ("post_id",
          "observed_at"), "observed_at",
          ("post_id", "source", "platform", "kind", "parent_id", "root_id", "url", "author_hash", "author_kind", "is_verified",
           "followers_n",
           "region", "title", "text", "published_at", "published_precision", "first_seen_at", "observed_at", "reposts_n", "comments_n",
            "likes_n",
           "views_n", "board_rank", "heat", "fetch_id"),
          ("parent_id", "root_id", "url", "author_hash", "author_kind", "is_verified", "followers_n", "region", "title", "published_at",
           "reposts_n", "comments_n", "likes_n", "views_n", "board_rank", "heat")),
    Table("observations", "counts of a post at a moment", ("post_id", "observed_at"), "observed_at",
          ("post_id", "observed_at", "reposts_n", "comments_n", "likes_n", "views_n", "board_rank", "heat", "fetch_id"),
          ("reposts_n", "comments_n", "likes_n", "views_n", "board_rank", "heat"), keep_days=180),
    Table("mentions", "which hospital a post speaks of", ("post_id", "hospital_id"), "first_seen_at",
          ("post_id", "hospital_id", "campus", "department", "person", "evidence", "confidence_p", "status", "first_seen_at"),
          ("campus", "department", "person"), keep_days=180),
    Table("scores", "what the classifier read in a post", ("post_id", "model_version"), "first_seen_at",
          ("post_id", "model_version", "relevant_p", "negative_p", "neutral_p", "positive_p", "category", "category_p", "first_seen_at"),
          keep_days=180),
    Table("events", "posts about one happening, as known at as_of", ("event_id", "as_of"), "as_of",
          ("event_id", "as_of", "hospital_id", "title", "category", "first_post_at", "last_post_at", "posts_n", "authors_n", "platforms",
           "growth"), keep_days=1095),
    Table("event_posts", "which posts make an event, as known at as_of", ("event_id", "post_id", "as_of"), "as_of",
          ("event_id", "post_id", "as_of"), keep_days=180),
    Table("forecasts", "will it escalate, and what would prove it", ("event_id", "as_of", "horizon_h", "target"), "as_of",
          ("event_id", "as_of", "horizon_h", "target", "escalates_p", "expected_n", "low_n", "high_n", "drivers", "counterfactual",
           "moved_by", "model_version", "resolve_rule", "resolve_at"), ("counterfactual", "moved_by"), keep_days=1095),
    Table("outlooks", "negative posts that the coming week will bring, by department and category", ("hospital_id", "area_kind", "area",
          "week_on", "as_of"), "as_of",
          ("hospital_id", "area_kind", "area", "week_on", "as_of", "expected_n", "low_n", "high_n", "naive_n", "model_version"),
          keep_days=1095),
    Table("warnings", "the graded list as it stood at as_of; a warning that stands on several lists was issued at the first",
          ("warning_id", "as_of"), "as_of",
          ("warning_id", "event_id", "hospital_id", "as_of", "level", "severity", "rank", "title", "category", "department", "escalates_p",
           "reasons", "owner_role", "due_at", "plan_version", "is_drill"),
          ("department", "escalates_p"), keep_days=1095),
    Table("deliveries", "what left, by which channel", ("delivery_id",), "sent_at",
          ("delivery_id", "as_of", "channel", "is_sent", "receipt", "sent_at"), ("receipt",), keep_days=1095),
    Table("outcomes", "how each forecast ended, by its own rule", ("event_id", "as_of", "horizon_h", "target"), "resolved_at",
          ("event_id", "as_of", "horizon_h", "target", "outcome", "observed_n", "reached_at", "detail", "resolved_at"),
          ("observed_n", "reached_at", "detail"), keep_days=1095),
    Table("verdicts", "what people decided on the desk", ("verdict_id",), "said_at",
          ("verdict_id", "warning_id", "verdict", "level", "person_role", "note", "said_at"), ("level", "note")),
    Table("labels", "what people read in a text; a correction is a new row, the newest of an annotator counts",
          ("text_key", "annotator", "labelled_at"), "labelled_at",
          ("text_key", "annotator", "labelled_at", "post_id", "text", "kind", "is_relevant", "sentiment", "category", "trust_p",
           "queue_reason", "origin"),
          ("post_id", "sentiment", "category", "queue_reason")),
    Table("quarantine", "rows set aside, with the reason", ("table_name", "row_id", "quarantine_reason"), "set_aside_at",
          ("table_name", "row_id", "source", "quarantine_reason", "column_name", "detail", "row", "set_aside_at"), ("source", "detail"),
          keep_days=180),
    Table("quarantine_actions", "who let a row set aside in, or wrote it off, when and why; the newest word on a row counts",
          ("action_id",), "acted_at",
          ("action_id", "table_name", "row_id", "quarantine_reason", "action", "is_override", "detail", "acted_by", "acted_at", "why"),
          ("detail",)),
    Table("coverage", "how each source did in a run", ("source", "as_of"), "as_of",
          ("source", "as_of", "coverage_status", "reason", "detail", "expected_n_low", "fetches_n", "got_n", "landed_n", "quarantined_n",
           "last_ok_at", "expected_n_high", "cadence_min", "is_asked", "newest_at", "lag_median_min", "lag_p95_min"),
          ("detail", "last_ok_at", "expected_n_high", "cadence_min", "is_asked", "newest_at", "lag_median_min", "lag_p95_min"),
          keep_days=1095),
    Table("checks", "what the gate measured of each table in a run", ("table_name", "check_name", "as_of"), "as_of",
          ("as_of", "table_name", "check_name", "check_severity", "value", "limit", "rows_n", "check_verdict", "sentence"),
          ("value", "limit", "sentence"), keep_days=1095),
    Table("drift", "has what comes in, or what the model reads in it, moved away from a reference; a day's row a feature and window",
          ("as_of", "days_n", "feature"), "as_of",
          ("as_of", "days_n", "feature", "model_version", "texts_n", "reference", "reference_n", "psi", "chance_psi", "text_mean",
           "reference_mean", "drift_status"),
          ("psi", "chance_psi", "text_mean", "reference_mean"), keep_days=1095),
    Table("explanations", "which words moved what the classifier read in a post; only of posts that carry a warning",
          ("post_id", "model_version", "head", "part", "start_n"), "first_seen_at",
          ("post_id", "model_version", "head", "label", "part", "start_n", "word", "fall_p", "first_seen_at"), keep_days=180),
    Table("erasures", "what was erased at someone's wish, by hashes alone: the audit, and what keeps it out from then on",
          ("erased_kind", "erased_id"), "erased_at",
          ("erased_kind", "erased_id", "note", "erased_at"), ("note",)),
]  # fmt: skip

# Every row says which run wrote it, and lies in the partition of its own clock.
TABLES: dict[str, Table] = {table.name: replace(table, columns=(*table.columns, "run_id", "day_on")) for table in _TABLES}


def polars_schema(table: str) -> pl.Schema:
    """Ordered name -> dtype of a table."""
    return pl.Schema({name: COLUMNS[name].dtype for name in TABLES[table].columns})


def empty(table: str) -> pl.DataFrame:
    return pl.DataFrame(schema=polars_schema(table))
