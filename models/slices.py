"""Where a text model is good and where it is not: its figures by platform, year, length, COVID words, irony and category."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models import judge

FEW = 30  # rows: below it a slice says nothing
COVID = "新冠|疫情|核酸|肺炎|隔离|疫苗|方舱|确诊|无症状|封控|封城|奥密克戎|德尔塔|毒株|健康码|发热门诊|抗疫|(?i:covid)"
# Irony is not labelled. The heuristic: a text labelled negative, short enough to be one voice, that praises, smiles or laughs in
# words or codes, or puts one word in quotes. It also catches sincere thanks in a complaint, and misses irony without any of these.
IRONY = (
    "呵呵|嘿嘿|哈哈|真是好|真棒|好棒|真行|厉害了|感谢|谢谢|良心|高尚|伟大|敬业|白衣天使|神医|点赞|恭喜|佩服|好样的|真好|太好了"
    r"|\[微笑\]|\[呵呵\]|\[doge\]|\[笑而不语\]|\[笑cry\]|\[允悲\]|\[二哈\]|\[鼓掌\]|\[赞\]|🙂|👏|👍|[“\"][^”\"]{1,3}[”\"]"
)
IRONY_LONGEST = 200  # characters
LENGTHS = {"1-10": (0, 10), "11-15": (11, 15), "16-30": (16, 30), "31-100": (31, 100), "over 100": (101, 10**6)}  # characters


def dated(frame: pl.DataFrame, data: Path) -> pl.DataFrame:
    """`frame` (datasets.labelled) with `year`, a string: first seen for headlines, published for posts, null where a set does not say."""
    headlines = pl.read_csv(data / "text/hot_titles_labeled.csv", infer_schema_length=0)
    posts = pl.read_csv(data / "text/posts_labeled.csv", infer_schema_length=0)
    years = pl.concat([
        headlines.select(text="title", source=pl.lit("hot_titles"), year=pl.col("first_seen_at").str.slice(0, 4)),
        posts.select("text", "source", year=pl.col("published_at").str.slice(0, 4)),
    ])  # fmt: skip
    return frame.join(
        years.unique(["text", "source"], keep="first", maintain_order=True), on=["text", "source"], how="left", maintain_order="left"
    )


def slices(frame: pl.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """`dimension value` -> which rows of `frame` (text, kind, source, sentiment, category; year where known) lie in it."""
    length = pl.col("text").str.len_chars()
    which = {"all": pl.lit(True)} | {f"kind {name}": rows for name, rows in judge.SLICES.items()}
    for column in ("source", "year", "category"):
        if column in frame.columns:
            which |= {f"{column} {value}": pl.col(column) == value for value in frame[column].drop_nulls().unique().sort()}
    which |= {f"length {band}": length.is_between(low, high) for band, (low, high) in LENGTHS.items()}
    covid = pl.col("text").str.contains(COVID)
    which |= {"covid words": covid, "covid none": ~covid}
    which["irony heuristic"] = (pl.col("sentiment") == "negative") & (length <= IRONY_LONGEST) & pl.col("text").str.contains(IRONY)
    marks = frame.select(rows.fill_null(False).alias(name) for name, rows in which.items() if name != "all")
    return {"all": np.ones(frame.height, bool)} | {name: marks[name].to_numpy() for name in marks.columns}


def table(frame: pl.DataFrame, said: dict[str, judge.Probabilities], labels: dict[str, tuple[str, ...]]) -> pl.DataFrame:
    """slice, head, n, is_few, and for everyone in `said` its macro_f1, accuracy and ece; ece_noise is that of the first.

    Where a slice has one label (irony, a category), accuracy is what to read: the share of its texts found.
    """
    lines = []
    for name, inside in slices(frame).items():
        for head, names in labels.items():
            found = {who: judge.judged(frame, head, all_heads[head], names, inside) for who, all_heads in said.items()}
            gold, first = next(iter(found.values()))
            if not len(gold):
                continue
            line: dict[str, object] = {"slice": name, "head": head, "n": len(gold), "is_few": len(gold) < FEW}
            for who, (_, chances) in found.items():
                line[f"{who}_macro_f1"] = judge.macro_f1(gold, chances.argmax(1))
                line[f"{who}_accuracy"] = float((chances.argmax(1) == gold).mean())
                line[f"{who}_ece"] = judge.expected_calibration_error(chances, gold)
            lines.append(line | {"ece_noise": judge.calibration_noise(first)})
    return pl.DataFrame(lines)
