"""Labelled texts of unequal sources -> one frame with frozen splits, and the texts that no training may see.

Headlines are split by time (a model is used on later headlines than it learned from), posts at random by a hash of their
text. Sets made for general sentiment train the sentiment head only: their relevance and category are null.
Sources and licences: models/weights/README.md.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl

from models.text import prepare

COLUMNS = ["text", "source", "kind", "relevant", "sentiment", "category", "split"]
HEADLINES_VALIDATE_FROM, HEADLINES_TEST_FROM = "2024-07-01", "2025-01-01"
SENTIMENT = {"neg": "negative", "neu": "neutral", "pos": "positive"}
EMOTION = {  # six and seven emotions -> three polarities; surprise has no polarity and is left out
    "angry": "negative", "sad": "negative", "fear": "negative", "anger": "negative", "sadness": "negative", "disgust": "negative",
    "happy": "positive", "happiness": "positive", "like": "positive", "neutral": "neutral", "none": "neutral",
}  # fmt: skip
OWN_SPLIT = ("waimai_10k", "chnsenticorp_hotel")  # published without a test file: a fifth, by text hash, is ours
BINARY = {"0": "negative", "1": "positive"}


def key(text: str) -> str:
    """Equal for texts that a model could not tell apart."""
    return hashlib.sha256(prepare(text).replace(" ", "").encode()).hexdigest()[:16]


def _keys(frame: pl.DataFrame) -> pl.Series:
    return frame["text"].map_elements(key, return_dtype=pl.String).alias("key")


def _bucket(frame: pl.DataFrame) -> pl.Series:
    """0 … 99, even and fixed by the text alone."""
    return _keys(frame).str.slice(0, 4).str.to_integer(base=16) % 100


def headlines(data: Path) -> pl.DataFrame:
    """Weibo hot-search headlines with all three labels, split by first appearance."""
    raw = pl.read_csv(data / "text/hot_titles_labeled.csv", infer_schema_length=0)
    split = (
        pl.when(pl.col("first_seen_at") >= HEADLINES_TEST_FROM).then(pl.lit("test"))
        .when(pl.col("first_seen_at") >= HEADLINES_VALIDATE_FROM).then(pl.lit("validation"))
        .otherwise(pl.lit("train"))
    )  # fmt: skip
    return raw.select(
        pl.col("title").alias("text"), pl.lit("hot_titles").alias("source"), pl.lit("headline").alias("kind"),
        pl.col("relevant").cast(pl.Int8), pl.col("sentiment").replace_strict(SENTIMENT), "category", split.alias("split"),
    )  # fmt: skip


def posts(data: Path) -> pl.DataFrame:
    """Posts, comments, complaints with all three labels: 60 / 15 / 25 % by text hash."""
    raw = pl.read_csv(data / "text/posts_labeled.csv", infer_schema_length=0)
    bucket = _bucket(raw)
    split = pl.when(bucket < 25).then(pl.lit("test")).when(bucket < 40).then(pl.lit("validation")).otherwise(pl.lit("train"))
    return raw.select(
        "text", "source", "kind", pl.col("relevant").cast(pl.Int8),
        pl.col("sentiment").replace_strict(SENTIMENT), "category", split.alias("split"),
    )  # fmt: skip


def _sentiment_set(path: Path, label: str, words: dict[str, str], split: str, text: str = "text") -> pl.DataFrame:
    raw = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=0)
    return raw.select(
        pl.col(text).alias("text"), pl.lit(path.stem).alias("source"), pl.lit("sentiment_set").alias("kind"),
        pl.lit(None, pl.Int8).alias("relevant"), pl.col(label).cast(pl.String).replace_strict(words, default=None).alias("sentiment"),
        pl.lit(None, pl.String).alias("category"), pl.lit(split).alias("split"),
    ).drop_nulls("text")  # fmt: skip


def sentiment_sets(data: Path) -> pl.DataFrame:
    """Public sentiment sets; their own test files keep the split `test`. A feeling without polarity has sentiment null."""
    folder = data / "sentiment"
    frames = []
    for path in sorted(folder.glob("*")):
        split = "test" if "test" in path.stem.lower() else "validation" if "eval" in path.stem or "valid" in path.stem else "train"
        names = pl.read_parquet_schema(path) if path.suffix == ".parquet" else pl.read_csv(path, n_rows=1, infer_schema_length=0).columns
        label = next((name for name in ("label", "emotion", "sentiment") if name in names), None)
        text = next((name for name in ("text", "review", "content", "sentence") if name in names), None)
        if label is None or text is None:
            raise ValueError(f"{path.name}: no column for text or label among {list(names)}")
        words = EMOTION if any(word in path.stem for word in ("smp", "nlpcc", "cluemotion")) else BINARY
        frame = _sentiment_set(path, label, words, split, text)
        if path.stem in OWN_SPLIT:
            frame = frame.with_columns(pl.when(_bucket(frame) < 20).then(pl.lit("test")).otherwise(pl.lit("train")).alias("split"))
        frames.append(frame)
    return pl.concat(frames)


def held_out(data: Path) -> set[str]:
    """Keys of every validation and test text: banned from all training, pretraining included."""
    frames = [headlines(data), posts(data), sentiment_sets(data)]
    heldout = pl.concat([frame.filter(pl.col("split") != "train") for frame in frames])
    return set(_keys(heldout))


def labelled(data: Path) -> pl.DataFrame:
    """All labelled rows, exact repeats and every held-out text removed from `train`."""
    own = pl.concat([headlines(data), posts(data)])
    frame = pl.concat([own, sentiment_sets(data)])
    frame = frame.with_columns(_keys(frame))  # keys of feelings without polarity are banned too, though they teach nothing
    banned = set(frame.filter(pl.col("split") != "train")["key"])
    train = frame.filter((pl.col("split") == "train") & ~pl.col("key").is_in(list(banned)))
    whole = pl.concat([train.unique("key", keep="first", maintain_order=True), frame.filter(pl.col("split") != "train")])
    return whole.drop_nulls("sentiment")


def silent(data: Path) -> list[str]:
    """Unlabelled texts about hospitals from before the headlines' test period, held-out texts left out, each once."""
    hospital = pl.read_parquet(data / "text/hospital_posts.parquet", columns=["text", "published_at"])
    early = hospital.filter(pl.col("published_at").fill_null("") < HEADLINES_TEST_FROM).select("text")
    titles = [
        pl.read_parquet(path)
        .filter(pl.col("is_medical") & (pl.col("first_seen_at").dt.strftime("%Y-%m-%d") < HEADLINES_TEST_FROM))
        .select(text="title")
        for path in sorted((data / "boards").glob("*_topics.parquet"))
    ]
    frame = pl.concat([early, *titles])
    frame = frame.with_columns(_keys(frame)).unique("key", keep="first", maintain_order=True)
    banned = held_out(data)
    return frame.filter(~pl.col("key").is_in(list(banned)) & (pl.col("text").str.len_chars() >= 6))["text"].to_list()
