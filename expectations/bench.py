"""`guanchao bench gate`: what the gate costs, a child process a figure: seconds, CPU, peak memory, and Great Expectations' share of it.

Constructed posts in 岚湖市, which does not exist; one in a hundred is broken, so that setting rows aside is paid for, too.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from expectations import gate, suites
from expectations.suites import columns
from warehouse.schema import polars_schema

AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
SIZES, FULL_SIZES, RUNS = (10_000, 100_000), (10_000, 100_000, 1_000_000), 3
PHRASES = (
    "在岚湖一院排队三个小时没人理", "护士态度很好", "收费明细看不懂", "孩子发烧等了一夜", "自助机又坏了", "医生解释得很清楚",
    "停车场进不去", "预约不上专家号", "急诊分诊太慢", "想问问医保怎么报", "家属要求公开病历", "希望尽快回应",
)  # fmt: skip


def constructed(n: int, seed: int = 0) -> pl.DataFrame:
    """n posts as they come from landing, five to eight phrases each; 1 % broken in one of four ways."""
    draw = np.random.default_rng(seed)
    words = [pl.Series(PHRASES)[draw.integers(0, len(PHRASES), n)] for _ in range(6)]
    ids, ahead = pl.Series(np.arange(n)), draw.integers(0, 24 * 3600, n)
    frame = pl.DataFrame({f"w{k}": one for k, one in enumerate(words)}).with_columns(
        n=ids, late=pl.Series(ahead), broken=pl.Series(draw.integers(0, 400, n))
    )
    past, far = AS_OF - pl.duration(seconds="late"), pl.lit(AS_OF + timedelta(days=9))
    text = pl.concat_str([f"w{k}" for k in range(6)], separator=",") + pl.format("（第 {} 条）", "n")
    known = {
        "post_id": pl.format("post-{}", "n"), "source": pl.format("constructed_{}", pl.col("n") % 7), "platform": pl.lit("weibo"),
        "kind": pl.lit("post"), "url": pl.format("https://weibo.example/p/{}", "n"), "author_hash": pl.format("{}", pl.col("n").hash(7)),
        "author_kind": pl.lit("personal"), "followers_n": pl.col("n") % 9999, "title": pl.col("w0"),
        "text": pl.when(pl.col("broken") == 0).then(pl.lit("锟斤拷")).otherwise(text),
        "published_at": pl.when(pl.col("broken") == 1).then(far).otherwise(past),
        "published_precision": pl.when(pl.col("broken") == 2).then(pl.lit("perhaps")).otherwise(pl.lit("minute")),
        "first_seen_at": pl.lit(AS_OF), "fetch_id": pl.format("fetch-{}", pl.col("n") // 40),
        "region": pl.when(pl.col("broken") == 3).then(pl.lit("很长的地区名称" * 5)).otherwise(pl.lit("青澜省")),
    }  # fmt: skip
    schema = polars_schema("posts")
    return frame.select(**{name: known.get(name, pl.lit(None)).cast(schema[name]) for name in columns("posts")})


def measured(n: int) -> dict[str, float]:
    """One check of n posts in this process, imports paid apart."""
    frame = constructed(n)
    began = time.perf_counter()
    import great_expectations  # noqa: F401 the first suite of a process pays for it; said apart

    imported = time.perf_counter() - began
    spent, whole = {"gx": 0.0}, suites.meet

    def timed(*said: Any) -> Any:
        start = time.perf_counter()
        try:
            return whole(*said)
        finally:
            spent["gx"] += time.perf_counter() - start

    vars(gate)["meet"] = timed
    cpu, start = time.process_time(), time.perf_counter()
    checked = gate.check("posts", frame, AS_OF)
    seconds = time.perf_counter() - start
    assert checked.good.height + checked.quarantined.height == n
    assert not checked.stops, checked.stops
    return {
        "rows": n, "seconds": seconds, "cpu_s": time.process_time() - cpu, "gx_s": spent["gx"], "import_s": imported,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "set_aside": checked.quarantined.height,
    }  # fmt: skip


def bench(full: bool) -> dict[str, dict[str, Any]]:
    """Figures; `full`: a million rows, too. Medians of three child processes a size, the load of the machine said."""
    tables = {n: [_child(n) for _ in range(RUNS)] for n in (FULL_SIZES if full else SIZES)}
    middle = {n: {name: statistics.median(one[name] for one in runs) for name in runs[0]} for n, runs in tables.items()}
    how = f"median of {RUNS} child processes; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    largest = max(middle)
    most = middle[largest]
    per_row = {n: 1e6 * one["cpu_s"] / n for n, one in middle.items()}
    sizes = {
        f"{n:,}": {name: round(value, 2) for name, value in one.items()} | {"cpu_us_a_row": round(per_row[n], 1)}
        for n, one in middle.items()
    }
    whole, growth = most["seconds"] + most["import_s"], per_row[largest] / per_row[min(middle)]
    return {
        "rows": _figure(largest, "rows", None, None, "posts, 1 % broken"),
        "seconds": _figure(most["seconds"], "s", 30, most["seconds"] <= 30, f"gate.check, wall; {how}"),
        "with_import": _figure(whole, "s", 30, whole <= 30, "and the import of Great Expectations"),
        "peak": _figure(most["peak_mib"] / 1024, "GiB", 3, most["peak_mib"] <= 3 * 1024, "peak RSS of the child, its frame included"),
        "share_in_great_expectations": _figure(most["gx_s"] / most["seconds"], "share", None, None, "of gate.check, to_pandas included"),
        "growth_a_row": _figure(growth, "times", 1.0, growth <= 1.0, "CPU a row, largest against smallest size; below 1: start-up pays"),
        "sizes": {"value": sizes, "unit": "", "bar": None, "met": None, "how": how},
    }


def _figure(value: float, unit: str, bar: float | None, met: bool | None, how: str) -> dict[str, Any]:
    return {"value": round(value, 3), "unit": unit, "bar": bar, "met": met, "how": how}


def _child(n: int) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-m", "expectations.bench", str(n)], capture_output=True, text=True, check=True)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
