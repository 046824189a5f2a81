"""`guanchao bench warehouse`: two years of constructed posts, one large upsert and one small question, each beside its bare rival.

Every measurement is a process of its own (CPU of all its threads, peak memory), all on the same table in the same run.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from warehouse.settings import PROJECT
from warehouse.store import Warehouse, shanghai_day

START = datetime(2024, 3, 9, 16, tzinfo=UTC)  # midnight in Shanghai
DAYS = 730  # 24 months
HOSPITALS = 40
KNOWN_SHARE, TOUCHED_DAYS = 0.3, 30
POOL = 20_000  # different texts
CHUNK_DAYS = 73
Figures = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Size:
    rows_n: int
    upsert_n: int
    repeats: int


SHORT, FULL = Size(146_000, 6_000, 3), Size(5_000_000, 100_000, 3)


def bench(full: bool) -> Figures:
    """The issue's figures; short form: a smaller table in under a minute, whose ratios say little about the large one."""
    size = FULL if full else SHORT
    with tempfile.TemporaryDirectory(prefix="guanchao-bench-") as folder:
        root = Path(folder)
        made = _child("fill", root, size, 0)
        print(f"{size.rows_n} posts over {DAYS} days: {made['wall_s']:.0f} s", file=sys.stderr)
        runs: dict[str, list[dict[str, float]]] = {}
        for n in range(size.repeats):
            _child("arrivals", root, size, n)
            for what in ("bare_upsert", "bare_upsert_level_1", "upsert", "rewrite", "question", "full_scan", "narrow_scan"):
                runs.setdefault(what, []).append(_child(what, root, size, n))
                print(f"{what} {n + 1}/{size.repeats}: {json.dumps(runs[what][-1])}", file=sys.stderr)
    figures = _figures(runs, size)
    return figures if full else {name: {**figure, "met": None} for name, figure in figures.items()}  # the bars are for the large table


def _figures(runs: dict[str, list[dict[str, float]]], size: Size) -> Figures:
    def median(what: str, name: str) -> float:
        return statistics.median(run[name] for run in runs[what])

    cpu = {what: median(what, "cpu_s") for what in runs}
    question, scan = median("question", "wall_s"), median("full_scan", "wall_s")
    how = f"{size.upsert_n} posts, {KNOWN_SHARE:.0%} already there, into {size.rows_n} over {DAYS} days; medians of {size.repeats}"
    load, bare_mib, posts_n = os.getloadavg()[0], median("bare_upsert", "peak_mib"), runs["question"][0]["rows"]
    return {
        "upsert_over_bare": _figure(
            cpu["upsert"] / cpu["bare_upsert"], "×", "≤ 1.4", cpu["upsert"] <= 1.4 * cpu["bare_upsert"],
            f"CPU {cpu['upsert']:.2f} s against {cpu['bare_upsert']:.2f} s of read-concat-unique-rewrite of the touched partitions; {how}",
        ),
        "upsert_over_bare_level_1": _figure(
            cpu["upsert"] / cpu["bare_upsert_level_1"], "×", "", None,
            "the same with the bare script set to zstd level 1, which the store uses; Polars' default is 3",
        ),
        "upsert_over_rewrite": _figure(
            cpu["upsert"] / cpu["rewrite"], "×", "≤ 0.1", cpu["upsert"] <= 0.1 * cpu["rewrite"],
            f"CPU against {cpu['rewrite']:.2f} s of reading and writing every partition",
        ),
        "upsert_memory": _figure(
            peak := median("upsert", "peak_mib"), "MiB", "< 1024", peak < 1024, f"peak of the process; bare: {bare_mib:.0f} MiB"
        ),
        "question_wall": _figure(
            question * 1000, "ms", "≤ 300", question <= 0.3, f"one day of one hospital, {posts_n:.0f} posts; opening the tables included"
        ),
        "question_over_scan": _figure(
            scan / question, "× faster", "≥ 20", scan >= 20 * question, f"the same with every row of both tables read whole: {scan:.2f} s"
        ),
        "question_over_narrow_scan": _figure(
            median("narrow_scan", "wall_s") / question, "× faster", "", None, "the same with only the clock of every row read first"
        ),
        "load": _figure(load, "load average", "", None, f"{os.cpu_count()} cores"),
    }  # fmt: skip


def _figure(value: float, unit: str, bar: str, met: bool | None, how: str) -> dict[str, Any]:
    return {"value": round(value, 3), "unit": unit, "bar": bar, "met": met, "how": how}


def _child(what: str, root: Path, size: Size, n: int) -> dict[str, float]:
    command = [sys.executable, "-m", "warehouse.bench", what, str(root), json.dumps(asdict(size)), str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    if done.returncode:
        raise RuntimeError(f"bench warehouse: {what}: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def fill(root: Path, size: Size, n: int) -> Callable[[], float]:
    """Posts and mentions of all days, appended by months as upkeep would leave them: a file a day."""

    def act() -> float:
        warehouse, a_day = Warehouse(root / "warehouse", "bench-fill"), size.rows_n // DAYS
        for first in range(0, DAYS, CHUNK_DAYS):
            days = np.repeat(np.arange(first, min(first + CHUNK_DAYS, DAYS)), a_day)
            posts = constructed(days, seed=first)
            warehouse.add("posts", posts)
            warehouse.add("mentions", _mentions(posts))
        return float(size.rows_n)

    return act


def constructed(days: Any, seed: int) -> pl.DataFrame:
    """A post a day number, each with an id and a second of its own; texts of 20 to 160 characters from a pool."""
    random = np.random.default_rng(1000 + seed)
    shape = np.random.default_rng(7)
    signs = np.array([chr(0x4E00 + code) for code in range(1500)])
    pool = pl.Series(["".join(shape.choice(signs, shape.integers(20, 160))) for _ in range(POOL)])
    half = random.integers(0, 2**63, (2, len(days)))
    ids = pl.Series([f"{high:016x}{low:016x}" for high, low in zip(half[0].tolist(), half[1].tolist(), strict=True)])
    seconds = pl.Series(days.astype(np.int64) * 86400 + random.integers(0, 86400, len(days)))
    frame = pl.DataFrame({"post_id": ids, "text": pool.gather(random.integers(0, POOL, len(days))), "second": seconds})
    return frame.select(
        "post_id", "text", source=pl.lit("constructed"), platform=pl.lit("weibo"), kind=pl.lit("post"),
        url=pl.format("https://example.invalid/{}", "post_id"), author_hash=pl.col("post_id").str.slice(8, 16), followers_n=pl.lit(7),
        published_precision=pl.lit("minute"), first_seen_at=pl.lit(START) + pl.duration(seconds="second"),
        published_at=pl.lit(START) + pl.duration(seconds="second") - pl.duration(minutes=9), fetch_id=pl.col("post_id").str.slice(0, 20),
    )  # fmt: skip


def _mentions(posts: pl.DataFrame) -> pl.DataFrame:
    number = pl.col("post_id").str.slice(0, 6).str.to_integer(base=16) % HOSPITALS
    return posts.select(
        "post_id", "first_seen_at", hospital_id=pl.format("hospital-{}", number), evidence=pl.lit("岚湖一院"), confidence_p=pl.lit(0.9),
        status=pl.lit("confirmed"),
    )  # fmt: skip


def arrivals(root: Path, size: Size, n: int) -> Callable[[], float]:
    """One evening's posts, another evening each time: new ones, and some of the month before that now read otherwise."""

    def act() -> float:
        day, at = _evening(n)
        fresh = constructed(np.full(size.upsert_n, day), seed=5000 + n).with_columns(first_seen_at=pl.lit(at))
        known = Warehouse(root / "warehouse").scan("posts", as_of=at, since=at - timedelta(days=TOUCHED_DAYS)).drop("run_id", "day_on")
        again = known.collect().sample(int(size.upsert_n * KNOWN_SHARE), seed=n)
        again = again.with_columns(first_seen_at=pl.lit(at), text=pl.lit("改") + pl.col("text"))
        rows = pl.concat([fresh.head(size.upsert_n - again.height), again], how="diagonal_relaxed")
        rows.write_parquet(root / f"arrivals-{n}.parquet")
        return float(rows.height)

    return act


def _evening(n: int) -> tuple[int, datetime]:
    """Day number and last second of the day of the n-th upsert; months apart."""
    day = DAYS - 1 - 60 * n
    return day, START + timedelta(days=day, hours=23, minutes=59, seconds=59)


def upsert(root: Path, size: Size, n: int) -> Callable[[], float]:
    rows, warehouse = pl.read_parquet(root / f"arrivals-{n}.parquet"), Warehouse(root / "warehouse", f"bench-{n}")
    return lambda: warehouse.upsert("posts", rows)


def bare_upsert(root: Path, size: Size, n: int, level: int | None = None) -> Callable[[], float]:
    """What a script would do: no look at other days' keys, no history, no second writer."""
    rows = pl.read_parquet(root / f"arrivals-{n}.parquet")
    last = _evening(n)[1]
    span = shanghai_day(last - timedelta(days=TOUCHED_DAYS)), shanghai_day(last)
    files, out = [uri for uri in _files(root, "posts") if span[0] <= uri.split("day_on=")[1][:10] <= span[1]], root / "bare"

    def act() -> float:
        old = pl.scan_parquet(files, hive_partitioning=True, hive_schema={"day_on": pl.String}).collect()
        day = pl.col("first_seen_at").dt.convert_time_zone("Asia/Shanghai").dt.strftime("%Y-%m-%d").alias("day_on")
        whole = pl.concat([old, rows.with_columns(day)], how="diagonal_relaxed").unique("post_id", keep="last", maintain_order=True)
        for (day_on,), part in whole.partition_by("day_on", as_dict=True, include_key=False).items():
            (out / f"day_on={day_on}").mkdir(parents=True, exist_ok=True)
            part.write_parquet(out / f"day_on={day_on}" / "part.parquet", compression="zstd", compression_level=level)
        return float(whole.height)

    return act


def bare_upsert_level_1(root: Path, size: Size, n: int) -> Callable[[], float]:
    """The same with the store's own compression level in place of Polars' default."""
    return bare_upsert(root, size, n, level=1)


def rewrite(root: Path, size: Size, n: int) -> Callable[[], float]:
    """Every partition read and written, one after the other."""
    files, out = _files(root, "posts"), root / "rewritten.parquet"

    def act() -> float:
        rows = 0
        for file in files:
            part = pl.read_parquet(file)
            part.write_parquet(out, compression="zstd")
            rows += part.height
        return float(rows)

    return act


def question(root: Path, size: Size, n: int) -> Callable[[], float]:
    day = shanghai_day(START + timedelta(days=300 + n))
    return lambda: float(Warehouse(root / "warehouse").posts_about("hospital-7", day).collect().height)


def full_scan(root: Path, size: Size, n: int) -> Callable[[], float]:
    """The same answer with every row of both tables read whole."""
    asked = _asked_of_all(root, n)
    return lambda: float(asked.collect(engine="streaming", optimizations=pl.QueryOptFlags(predicate_pushdown=False)).height)


def narrow_scan(root: Path, size: Size, n: int) -> Callable[[], float]:
    """The same with the clock of every row read first, and the other columns only where it fits."""
    asked = _asked_of_all(root, n)
    return lambda: float(asked.collect().height)


def _asked_of_all(root: Path, n: int) -> pl.LazyFrame:
    """By the clock alone, and so that no partition and no statistics of a file answer it."""
    start = START + timedelta(days=300 + n)
    first, last = (int(at.timestamp() * 1e6) for at in (start, start + timedelta(days=1)))
    posts, mentions = (pl.scan_delta(f"{root}/warehouse/{table}") for table in ("posts", "mentions"))
    that_day = pl.col("first_seen_at").dt.timestamp("us").is_between(first, last, closed="left")
    ids = mentions.filter(pl.col("hospital_id") == "hospital-7").select("post_id")
    return posts.filter(that_day).join(ids, on="post_id", how="semi")


def _files(root: Path, table: str) -> list[str]:
    pinned = Warehouse(root / "warehouse").opened(table)
    return sorted(pinned.file_uris()) if pinned else []


ACTS = {act.__name__: act for act in (fill, arrivals, upsert, bare_upsert, bare_upsert_level_1, rewrite, question, full_scan, narrow_scan)}


def main(what: str, root: str, size: str, n: str) -> None:
    """One measurement; what it needs is made before the clock starts."""
    act = ACTS[what](Path(root), Size(**json.loads(size)), int(n))
    before, began = os.times(), time.perf_counter()
    rows = act()
    after = os.times()
    cpu_s = after.user + after.system - before.user - before.system
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": cpu_s, "wall_s": time.perf_counter() - began, "peak_mib": peak_mib, "rows": rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
