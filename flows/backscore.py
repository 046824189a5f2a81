"""Back-scoring: every post that concerns us read again by the champion, a few Shanghai days a task, on threads or on a Ray cluster.

A task is given paths and days, never a frame; it leaves its scores as a Parquet file, and the flow alone lands it, one commit a task.
What this champion has read is not read again: after a kill the next run goes on where that one stopped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import as_completed
from prefect.states import Failed
from rich.console import Console
from rich.progress import track

from expectations.door import Gated
from expectations.gate import StageStop
from flows.task_runners import runner, server
from models.classifier.score import SHIPPED, Classifier, version
from warehouse import lock
from warehouse.settings import ConfigProblem, Settings
from warehouse.store import TableProblem, Warehouse
from warehouse.torn import UNREADABLE, first_line

PORTION = 2_000  # posts a task: quiet days share one, since a task costs as much as reading a hundred posts; a larger day is its own
SLICE = 10_000  # posts held as token ids at a time: a vendor's export of years is one day of our clock


@dataclass(frozen=True)
class Work:
    """What a worker is told: tables, model, where to leave its files, threads a model (0: as many as there are cores)."""

    warehouse: str
    model: str
    version: str
    out: str
    threads: int = 0


@dataclass(frozen=True)
class Days:
    """Shanghai dates, ends included."""

    first: str
    last: str

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}…{self.last}"


ALWAYS = Days("0000", "9999")


@dataclass(frozen=True)
class Reading:
    """What became of a task's days: posts read and the file that holds their scores, or the problem left after the retries."""

    days: Days
    posts_n: int
    file: str = ""
    problem: str = ""


def rescore(settings: Settings, workers: int, within: Days = ALWAYS, model: Path = SHIPPED) -> list[Reading]:
    """Read all that is unread; a reading a task, the newest days first, none if all was read.

    Raises ConfigProblem when another back-scoring of this root is under way, or Ray is asked for and not there.
    """
    out = settings.root / "backscore"
    threads = 1 if settings.task_runner == "ray" else 0  # a Ray worker is given one core
    tables = str(settings.warehouse if settings.storage else settings.warehouse.resolve())
    work = Work(tables, str(model.resolve()), version(model), str(out.resolve()), threads)
    with alone(out):
        portions = unread_portions(work, within)
        if not portions:
            return []
        with runner(settings, workers) as task_runner, server():
            done: Any = backscore.with_options(task_runner=task_runner)(work, portions, return_state=True).result(raise_on_failure=False)
    if isinstance(done, BaseException):
        raise done
    return list(done)


@flow(name="backscore", flow_run_name="backscore-{work.version}", validate_parameters=False)
def backscore(work: Work, portions: list[Days]) -> list[Reading] | State[list[Reading]]:
    """A task a portion. The days of one that failed are tried apart, so that a bad day is named and costs no other."""
    done = read(work, portions, "reading again")
    failed = [reading.days for reading in done if reading.problem and reading.days.first != reading.days.last]
    if failed:
        warehouse = Warehouse(Path(work.warehouse))
        apart = [Days(day, day) for days in failed for day in reversed(warehouse.days("posts")) if days.first <= day <= days.last]
        done = [reading for reading in done if reading.days not in failed] + read(work, apart, "days apart")
    bad = [str(reading.days) for reading in done if reading.problem]
    return Failed(message=f"not read: {', '.join(bad)}", data=done) if bad else done


def read(work: Work, portions: list[Days], what: str) -> list[Reading]:
    """Hand the portions out; land what comes back, as it comes."""
    warehouse = Gated(Path(work.warehouse), f"backscore-{work.version}", datetime.now(UTC).replace(microsecond=0))
    futures = {read_days.submit(work, days): days for days in portions}
    readings = []
    for future in track(as_completed(list(futures)), what, total=len(futures), console=Console(stderr=True)):
        future.wait()  # a worker that died becomes a crashed state here
        said: Any = future.result(raise_on_failure=False)
        if not isinstance(said, Reading):
            said = Reading(futures[future], 0, problem=f"{type(said).__name__}: {(str(said).strip().splitlines() or [''])[0]}")
        if said.file:
            said = _landed(warehouse, said)
        readings.append(said)
    return sorted(readings, key=lambda reading: reading.days.first, reverse=True)


def _landed(warehouse: Gated, reading: Reading) -> Reading:
    """The reading with its scores in the table; what the gate does not believe is a problem of those days and costs no other."""
    try:
        warehouse.add("scores", pl.read_parquet(reading.file))
    except StageStop as stop:
        return replace(reading, problem=str(stop))
    Path(reading.file).unlink()
    return reading


@task(name="read days", task_run_name="{days}", retries=2, retry_delay_seconds=[1, 5], cache_policy=NO_CACHE)
def read_days(work: Work, days: Days) -> Reading:
    """The unread posts of these days that concern us -> a Parquet file of scores, whole or not there."""
    classifier = champion(work.model, work.threads)
    if classifier.version != work.version:
        raise ConfigProblem(f"{work.model}: {classifier.version} on this worker, {work.version} where it was asked; check out one commit")
    posts = collected(unread(work, days).select("post_id", "title", "text", "first_seen_at").sort("post_id"))
    if not posts.height:
        return Reading(days, 0)
    scores = pl.concat(classifier.score(part) for part in posts.iter_slices(SLICE))
    file = Path(work.out) / f"{days.first}.parquet"
    with tempfile.NamedTemporaryFile(dir=work.out, prefix=".part-", delete=False) as part:
        scores.write_parquet(part)
    Path(part.name).replace(file)
    return Reading(days, scores.height, str(file))


@cache
def champion(folder: str, threads: int) -> Classifier:
    """Loaded once a worker process."""
    return Classifier.load(Path(folder), threads)


def unread(work: Work, days: Days) -> pl.LazyFrame:
    """Posts with a mention, as the road scores them, without a score of this model; mentions and scores lie in their post's day."""
    warehouse, day = Warehouse(Path(work.warehouse)), pl.col("day_on")
    posts, mentions, scores = (
        warehouse.scan(name).filter(day >= days.first, day <= days.last) for name in ("posts", "mentions", "scores")
    )  # fmt: skip
    read = scores.filter(pl.col("model_version") == work.version)
    return posts.join(mentions, on="post_id", how="semi").join(read, on="post_id", how="anti")


def collected(rows: pl.LazyFrame) -> pl.DataFrame:
    """The rows, or a TableProblem."""
    try:
        return rows.collect()
    except (*UNREADABLE, OSError) as problem:
        raise TableProblem(f"a file of posts, mentions or scores cannot be read: {first_line(problem)}") from problem


def unread_portions(work: Work, within: Days) -> list[Days]:
    """Days to read, newest first, so many a portion that it holds about PORTION posts. Where a file is broken, each day for itself."""
    try:
        counted = collected(unread(work, within).group_by("day_on").len().sort("day_on", descending=True)).rows()
    except TableProblem:  # the task of the day will find it again and name it
        counted = [(day, PORTION) for day in reversed(Warehouse(Path(work.warehouse)).days("posts")) if within.first <= day <= within.last]
    portions, n = [], PORTION
    for day, posts_n in counted:
        if n + posts_n > PORTION:
            portions.append(Days(day, day))
            n = 0
        portions[-1] = Days(day, portions[-1].last)
        n += posts_n
    return portions


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """One back-scoring of a root at a time, in a folder without the leftovers of a killed one."""
    with lock.alone(out / ".lock", f"{out}: another back-scoring is under way; wait for it or end it"):
        for leftover in (*out.glob("*.parquet"), *out.glob(".part-*")):
            leftover.unlink(missing_ok=True)
        yield
