"""`guanchao bench day`: what a day costs against its size, from land to rank: seconds and peak memory, a child process a size.

The posts are the drill's scenario (constructed, 岚湖市 does not exist), crawled once over loopback and varied: each copy has its own ids,
authors, times and words of its own. Every stage is the road's own, scoring in f32 as well: a million posts take most of an hour.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.settings import PROJECT, load_settings

DRILL = PROJECT / "conf" / "drill"
SIZES, FULL_SIZES = (1_000, 10_000), (1_000, 10_000, 100_000, 1_000_000)
COMMON_N = 200  # characters of the scenario that stay as they are: the words every complaint has
HAN = re.compile("[\u4e00-\u9fff]")


def varied(items: pl.DataFrame, names: tuple[str, ...], n: int, seed: int = 0) -> pl.DataFrame:
    """n items: the scenario's own first, then copies of it, each with ids, authors and minutes of its own, and with other stories.

    A copy's stories are told in other words: outside the hospitals' `names` every rarer character is exchanged for another, the same one
    throughout the copy, so that its posts still make the events they made, and not those of another copy.
    """
    draw, said = random.Random(seed), items["text"].to_list()
    counted = Counter(HAN.findall("".join(said)))
    rare = sorted(set(counted) - {char for char, _ in counted.most_common(COMMON_N)})
    split = re.compile("(" + "|".join(map(re.escape, names)) + ")")
    copies = [items]
    for k in range(1, -(-n // items.height)):
        other = str.maketrans(dict(zip(rare, draw.sample(rare, len(rare)), strict=True)))
        copies.append(_copy(items, k, partial(_told, split, other)))
    return pl.concat(copies).head(n)


def _told(split: re.Pattern[str], other: dict[int, str], text: str | None) -> str | None:
    return None if text is None else "".join(part if k % 2 else part.translate(other) for k, part in enumerate(split.split(text)))


def _copy(items: pl.DataFrame, k: int, tell: Callable[[str | None], str | None]) -> pl.DataFrame:
    told = {name: pl.Series(name, [tell(text) for text in items[name]], pl.String) for name in ("title", "text")}
    own = [(pl.col(name) + f"-{k}").alias(name) for name in ("post_id", "parent_id", "root_id", "url", "author_hash")]
    return items.with_columns(*own, *told.values(), published_at=pl.col("published_at") - pl.duration(minutes=k % 60))


def one_day(landing: Path, root: Path, n: int) -> dict[str, Any]:
    """land → rank of n posts into an empty warehouse, in this process."""
    from crawlers.landing import read_landing
    from expectations.land import land
    from flows import listing, reading
    from flows.road import Road, when

    settings = load_settings(DRILL, root=root)
    road = Road(settings, when(None, settings.as_of))
    items, fetches = read_landing(landing)
    items = varied(items, road.watchlist.names, n)
    spent: dict[str, float] = {}
    rows: dict[str, int] = {}
    cpu: dict[str, float] = {}
    began, worked = time.perf_counter(), time.process_time()
    landed = land(road.warehouse, items, fetches, road.as_of, {}, road.data_docs)
    spent["land"], cpu["land"], rows["land"] = time.perf_counter() - began, time.process_time() - worked, landed.posts_new
    stages = {
        "mention": reading.mention,
        "score": reading.score,
        "group": reading.group,
        "forecast": reading.forecast,
        "rank": listing.rank,
    }
    for name, stage in stages.items():
        start, worked = time.perf_counter(), time.process_time()
        rows[name] = stage(road)
        spent[name], cpu[name] = time.perf_counter() - start, time.process_time() - worked
        print(f"{n:,} posts: {name} {spent[name]:.1f} s, {cpu[name]:.1f} CPU s", file=sys.stderr)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "posts": n, "seconds": round(sum(spent.values()), 1), "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": round(usage.ru_maxrss / 1024), "stages": {name: round(value, 1) for name, value in spent.items()},
        "stages_cpu_s": {name: round(value, 1) for name, value in cpu.items()}, "rows": rows,
        "disk_mib": round(sum(path.stat().st_size for path in (root / "warehouse").rglob("*.parquet")) / 2**20, 1),
    }  # fmt: skip


def bench(full: bool, sizes: tuple[int, ...] = ()) -> dict[str, dict[str, Any]]:
    """Figures, a size each; one run of each, for the largest takes most of an hour."""
    with tempfile.TemporaryDirectory(prefix="guanchao-day-") as scratch:
        landing = _crawled(Path(scratch))
        days = [_child(landing, Path(scratch) / f"root-{n}", n) for n in sizes or (FULL_SIZES if full else SIZES)]
    return figures_of(days)


def figures_of(days: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Days of `one_day`, the smallest first -> figures: each day, and how the work grew from size to size."""
    how = f"one child process a size, one run; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    same: dict[str, Any] = {"unit": "", "bar": None, "met": None, "how": how}
    figures: dict[str, dict[str, Any]] = {f"{day['posts']:,} posts": {"value": day, **same} for day in days}
    rest = {day["posts"]: sum(day["stages_cpu_s"].values()) - day["stages_cpu_s"]["score"] for day in days}
    for small, large in pairwise(days):
        more = f"{small['posts']:,} to {large['posts']:,} posts"
        figures[f"growth, {more}"] = _growth(small, large, {day["posts"]: day["cpu_s"] for day in days}, "all CPU seconds")
        figures[f"growth without scoring, {more}"] = _growth(small, large, rest, "CPU seconds of every stage but score")
    return figures


def _growth(small: dict[str, Any], large: dict[str, Any], cpu_s: dict[int, float], what: str) -> dict[str, Any]:
    less, more = small["posts"], large["posts"]
    growth = (cpu_s[more] / cpu_s[less]) / (more / less)
    return {
        "value": round(growth, 2), "unit": "times linear", "bar": 1.0, "met": growth <= 1.0,
        "how": f"{what} of {more:,} over {less:,} posts, over the ratio of posts",
    }  # fmt: skip


def _crawled(scratch: Path) -> Path:
    """The drill's crawl, kept in its landing folder."""
    from flows import arrival
    from flows.drill import replica_of
    from flows.road import Road, when

    settings = load_settings(DRILL, root=scratch / "crawl")
    moment = when(None, settings.as_of)
    with replica_of(settings.scenario, moment) as url:
        road = Road(settings, moment, url)
        arrival.crawl(road)
    return road.landing


def _child(landing: Path, root: Path, n: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "flows.bench_day", str(landing), str(root), str(n)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{n} posts: exit code {done.returncode}")
    day: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(day), file=sys.stderr)  # it took long: not lost if a later size fails
    return day


def chart(figures: dict[str, dict[str, Any]], file: Path) -> None:
    """CPU seconds and memory against posts a day, on logarithmic axes, with the line that linear growth would take."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    days = [figure["value"] for figure in figures.values() if isinstance(figure["value"], dict)]
    posts = [day["posts"] for day in days]
    drawn, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for stage in days[0]["stages_cpu_s"]:
        left.plot(posts, [max(day["stages_cpu_s"][stage], 0.05) for day in days], marker=".", linewidth=1, label=stage)
    left.plot(posts, [day["cpu_s"] for day in days], marker="o", color="black", label="land to rank")
    left.plot(posts, [days[0]["cpu_s"] * n / posts[0] for n in posts], linestyle=":", color="grey", label="linear")
    right.plot(posts, [day["peak_mib"] for day in days], marker="o", color="black", label="peak memory, MiB")
    right.plot(posts, [day["disk_mib"] for day in days], marker="o", color="tab:blue", label="tables on disk, MiB")
    for axes, label in ((left, "CPU seconds"), (right, "MiB")):
        axes.set(xscale="log", yscale="log", xlabel="posts a day", ylabel=label)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    drawn.tight_layout()
    drawn.savefig(file, dpi=110)


if __name__ == "__main__":
    print(json.dumps(one_day(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
