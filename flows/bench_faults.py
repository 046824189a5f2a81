"""`guanchao bench faults`: the drill's road from land to rank, killed or out of disk at random moments, then simply run again.

The crawl is made once; every case starts from a copy of what it landed. A victim is a process group of its own, ready before its clock
starts; the run after it is a plain one, and its tables are compared with those of a run nobody disturbed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from flows.options import DRILL, switches
from warehouse.schema import TABLES
from warehouse.settings import PROJECT, load_settings
from warehouse.store import Warehouse

SEED = 20260310
MOST_ROOM = 100_000  # bytes left on a full disk: a few small files
TOLERANCE = 2e-4  # probabilities are kept to the fourth digit; sums of another order may turn the last
SLACK_S = 300  # a victim that takes longer than that is stuck, which is a fault of its own
Figures = dict[str, dict[str, Any]]


@dataclass
class Tally:
    """What re-runs left wrong, over all cases; `died` by the stage the victim had reached."""

    lost: int = 0
    doubled: int = 0
    unreadable: int = 0
    different: int = 0
    inexact: int = 0
    hit: int = 0
    died: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)


def bench(full: bool, kills: int | None = None, fills: int | None = None) -> Figures:
    """200 kills and 20 full disks, or 5 and 1."""
    kills, fills = kills if kills is not None else 200 if full else 5, fills if fills is not None else 20 if full else 1
    switches()
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="guanchao-faults-") as folder:
        base = Path(folder) / "base"
        _crawl(base)
        whole, warm = Path(folder) / "whole", Path(folder) / "warm"
        lengths = [_undisturbed(base, root) for root in (warm, whole)][1]
        shutil.rmtree(warm)
        expected = _frames(whole)
        killed, filled = Tally(), Tally()
        for n in range(kills):
            _killed(Path(folder) / "case", base, _moment(lengths, chance), expected, killed)
            print(f"kill {n + 1}/{kills}: {dict(killed.died)}, lost {killed.lost}, doubled {killed.doubled}", file=sys.stderr)
        can_mount = _filled_all(Path(folder), base, lengths, fills, chance, expected, filled)
    return _figures(killed, kills, filled, fills if can_mount else 0, sum(lengths.values()))


def _figures(killed: Tally, kills: int, filled: Tally, fills: int, length_s: float) -> Figures:
    figures: Figures = {}
    for name, tally, cases in (("kill", killed, kills), ("disk_full", filled, fills)):
        met = cases > 0 or None
        how = f"{cases} cases, {tally.hit} of them in the middle of the road; it had reached {dict(sorted(tally.died.items()))}"
        for what in ("lost", "doubled", "unreadable"):
            n = getattr(tally, what)
            unit = "tables" if what == "unreadable" else "rows"
            figures[f"{name}_{what}"] = {"value": n, "unit": unit, "bar": "0", "met": met and n == 0, "how": how}
        figures[f"{name}_different"] = {
            "value": tally.different, "unit": "tables", "bar": "0", "met": met and tally.different == 0,
            "how": "; ".join(tally.said[:3]) or "every table row for row as of an undisturbed run",
        }  # fmt: skip
        figures[f"{name}_not_to_the_bit"] = {
            "value": tally.inexact, "unit": "tables", "bar": None, "met": None,
            "how": f"equal rows, figures within {TOLERANCE} of each other",
        }  # fmt: skip
    figures["road"] = {"value": round(length_s, 1), "unit": "s", "bar": "", "met": None, "how": f"land to rank undisturbed; seed {SEED}"}
    return figures


def _crawl(root: Path) -> None:
    from flows import arrival
    from flows.drill import replica_of
    from flows.road import Road, when

    settings = load_settings(DRILL, root=root)
    moment = when(None, settings.as_of)
    with replica_of(settings.scenario, moment) as url:
        arrival.crawl(Road(settings, moment, url))


def walk(root: Path) -> Iterator[str]:
    """land → rank; each stage's name before it starts."""
    from flows import arrival, listing, reading
    from flows.road import Road, when

    settings = load_settings(DRILL, root=root)
    road = Road(settings, when(None, settings.as_of))
    for stage in (arrival.land, reading.mention, reading.score, reading.group, reading.forecast, listing.rank):
        yield stage.__name__
        stage(road)


def _again(root: Path, base: Path) -> None:
    """A plain run, in a process of its own: what the drill's crawl lands is put there as it was (a drill makes the same bytes again)."""
    shutil.rmtree(root / "landing", ignore_errors=True)
    shutil.copytree(base / "landing", root / "landing")
    with _victim(root, subprocess.PIPE) as process:
        _go(process)
        said = process.communicate(timeout=SLACK_S)[1]
    if process.returncode:
        raise RuntimeError(said.strip().splitlines()[-1] if said.strip() else f"exit code {process.returncode}")


@contextmanager
def _victim(root: Path, stderr: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.bench_faults", str(root)], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=stderr, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        process.stdout.readline()  # ready: the imports are behind it
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _undisturbed(base: Path, root: Path) -> dict[str, float]:
    """Seconds each stage takes."""
    shutil.copytree(base, root)
    with _victim(root) as process:
        _go(process)
        assert process.stdout is not None
        marks = [(line.strip(), time.perf_counter()) for line in process.stdout]
    ends = [at for _, at in marks[1:]] + [time.perf_counter()]
    return {stage: end - at for (stage, at), end in zip(marks, ends, strict=True)}


def _moment(lengths: dict[str, float], chance: random.Random) -> tuple[str, float]:
    """A stage and seconds into it, evenly over the whole road; counted from the stage's start, so that a slower machine hits it too."""
    left = chance.uniform(0, sum(lengths.values()))
    for stage, length_s in lengths.items():
        if left <= length_s:
            return stage, left
        left -= length_s
    return stage, length_s


def _killed(root: Path, base: Path, moment: tuple[str, float], expected: dict[str, pl.DataFrame], tally: Tally) -> None:
    shutil.copytree(base, root)
    with _victim(root) as process:
        _go(process)
        assert process.stdout is not None
        reached = list[str]()
        while not reached or (reached[-1] and reached[-1] != moment[0]):
            reached.append(process.stdout.readline().strip())
        time.sleep(moment[1])
        is_on_the_road = process.poll() is None
        if is_on_the_road:
            os.killpg(process.pid, signal.SIGKILL)
        reached += process.communicate()[0].split()
    tally.hit += is_on_the_road
    tally.died[reached[-1] if is_on_the_road else "end"] += 1
    _judge(root, base, expected, tally)
    shutil.rmtree(root)


def _filled_all(
    folder: Path, base: Path, lengths: dict[str, float], fills: int, chance: random.Random, expected: dict[str, pl.DataFrame], tally: Tally
) -> bool:
    """Each on a small file system of its own. False where none can be mounted (it needs root)."""
    root = folder / "small"
    root.mkdir()
    for n in range(fills):
        size_kib = 3 * _bytes(base) // 1024 + 50_000
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "none", str(root)], capture_output=True, check=False
        ).returncode:
            return False
        try:
            _filled(root, base, _moment(lengths, chance)[0], chance.randrange(0, MOST_ROOM), expected, tally)
        finally:
            subprocess.run(["umount", "-l", str(root)], check=True)
        print(f"full disk {n + 1}/{fills}: {dict(tally.died)}, lost {tally.lost}, doubled {tally.doubled}", file=sys.stderr)
    return True


def _filled(root: Path, base: Path, stage: str, room: int, expected: dict[str, pl.DataFrame], tally: Tally) -> None:
    """All but `room` bytes of the disk are taken as the stage starts."""
    shutil.copytree(base, root, dirs_exist_ok=True)
    ballast = root / "ballast"
    with _victim(root) as process:
        _go(process)
        assert process.stdout is not None
        reached = list[str]()
        while not reached or (reached[-1] and reached[-1] != stage):
            reached.append(process.stdout.readline().strip())
        disk = os.statvfs(root)
        with suppress(OSError), ballast.open("wb") as out:
            os.posix_fallocate(out.fileno(), 0, max(disk.f_bavail * disk.f_bsize - room, 1))
        reached += process.communicate(timeout=SLACK_S)[0].split()
    tally.hit += process.returncode != 0
    tally.died[reached[-1] if process.returncode else "end"] += 1
    ballast.unlink(missing_ok=True)
    _judge(root, base, expected, tally)


def _judge(root: Path, base: Path, expected: dict[str, pl.DataFrame], tally: Tally) -> None:
    """Run again and compare."""
    try:
        _again(root, base)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as problem:
        tally.different += len(expected)
        tally.said.append(f"the run after it: {type(problem).__name__}: {problem}")
        return
    for table, frame in expected.items():
        key = list(TABLES[table].key)
        try:
            found = Warehouse(root / "warehouse").read(table)
        except Exception as problem:
            tally.unreadable += 1
            tally.said.append(f"{table}: {problem}")
            continue
        tally.doubled += found.height - found.n_unique(key)
        tally.lost += frame.join(found, on=key, how="anti").height
        _compare(table, found.drop("run_id"), frame.drop("run_id"), tally)


def _compare(table: str, found: pl.DataFrame, expected: pl.DataFrame, tally: Tally) -> None:
    if found.equals(expected):
        return
    try:
        assert_frame_equal(found, expected, check_exact=False, rel_tol=0, abs_tol=TOLERANCE)
    except AssertionError as difference:
        tally.different += 1
        told = _how_far(found, expected) or " ".join(str(difference).split())[:300]
        tally.said.append(f"{table}, {found.height} rows against {expected.height}: {told}")
    else:
        tally.inexact += 1


def _how_far(found: pl.DataFrame, expected: pl.DataFrame) -> str:
    """Of two frames with the same rows: figures that differ, in how many rows and by how much at most."""
    if found.height != expected.height:
        return ""
    floats = [name for name, dtype in expected.schema.items() if dtype == pl.Float64]
    apart = {name: (found[name] - expected[name]).abs() for name in floats}
    far = {name: gap.filter(gap > TOLERANCE) for name, gap in apart.items()}
    return ", ".join(f"{name} in {len(gaps)} rows by up to {float(gaps.to_numpy().max()):.4f}" for name, gaps in far.items() if len(gaps))


def _frames(root: Path) -> dict[str, pl.DataFrame]:
    warehouse = Warehouse(root / "warehouse")
    return {table: warehouse.read(table) for table in TABLES if warehouse.exists(table)}


def _bytes(folder: Path) -> int:
    """As a file system of 4 KiB pages counts them."""
    return sum((path.stat().st_size + 4095) // 4096 * 4096 for path in folder.rglob("*"))


def main(root: str) -> None:
    """The victim: ready, told to go, walks."""
    import expectations.gate
    import models.classifier.score
    import models.escalation.forecast
    import models.grouping

    del expectations, models
    print("ready", flush=True)
    sys.stdin.readline()
    for stage in walk(Path(root)):
        print(stage, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
