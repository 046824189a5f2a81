"""The label loop: texts out to people, what they said back into the table `labels`, how far they agree, rows for training."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import Progress

from expectations.door import Gated
from flows.label_readers import Answer, Aside, read
from flows.label_rows import rows_of
from flows.label_writers import FORMS, write
from models.agreement import agreement, as_annotator
from models.labels import DESK, VOTES, Settled, current, settle, unsaid, votes_of
from warehouse.clock import shanghai
from warehouse.schema import polars_schema
from warehouse.settings import ConfigProblem, Settings
from warehouse.store import Warehouse

PSEUDONYM = re.compile(r"[A-Za-z0-9\u4e00-\u9fff][A-Za-z0-9\u4e00-\u9fff_-]{0,29}")


@dataclass(frozen=True)
class Imported:
    """What became of the rows: read_n = new_n + changed_n + unchanged_n + unanswered_n + the answers set aside."""

    read_n: int
    new_n: int
    changed_n: int
    unchanged_n: int
    unanswered_n: int
    aside: list[Aside]
    rejects: Path | None


def export(settings: Settings, out: Path, n: int, form: str, seed: int) -> tuple[pl.DataFrame, list[Path]]:
    """The queue (acquisition.queue) and the files it was written to. ConfigProblem where there is nothing to label, or no such form."""
    from models.acquisition import queue
    from models.classifier.score import SHIPPED, version
    from models.classifier.vocabulary import Vocabulary

    if form not in FORMS:
        raise ConfigProblem(f"--format {form}: unknown; one of: {', '.join(FORMS)}")
    warehouse = Warehouse(settings.warehouse)
    posts, scores = warehouse.read("posts"), warehouse.read("scores")
    people = settle(current(warehouse.read("labels")).select(VOTES)).frame
    vocabulary = Vocabulary.load(SHIPPED / "vocabulary.txt")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("comparing texts", total=None)
        chosen = queue(posts, scores, people, vocabulary, version(SHIPPED), n, seed, lambda done: progress.update(bar, completed=done))
    if chosen.is_empty():
        raise ConfigProblem(f"{settings.warehouse}: {scores.height} scored posts and none left to label; run `guanchao run` first")
    return chosen, write(chosen, out, form)


def import_(settings: Settings, path: Path, annotator: str, trust: float = 1.0) -> Imported:
    """Read a filled-in file into `labels`. What cannot be taken is set aside with place and reason; the rest is one commit."""
    if not PSEUDONYM.fullmatch(annotator) or annotator == DESK:
        raise ConfigProblem(
            f"--annotator {annotator}: give a pseudonym of letters, digits, _ and - (not `{DESK}`), never a name or address"
        )
    if not 0 < trust <= 1:
        raise ConfigProblem(f"--trust {trust:g}: above 0, at most 1")
    found = list(read(path))
    answers = [one for one in found if isinstance(one, Answer) and one.words]
    moment, origin = datetime.now(UTC), hashlib.sha256(path.read_bytes()).hexdigest()
    warehouse = Gated(settings.warehouse, f"labels-{moment:%Y%m%dT%H%M%SZ}", moment)
    rows, refused = rows_of(answers, warehouse.read("posts"), annotator)
    schema = {name: dtype for name, dtype in polars_schema("labels").items() if name not in ("run_id", "day_on")}
    same = {"labelled_at": moment, "trust_p": trust, "origin": origin}
    frame = pl.DataFrame([{**row, **same} for row in rows], schema=schema)
    told, changed_n = unsaid(warehouse.read("labels"), frame)
    broken_n = told.height - warehouse.add("labels", told) if told.height else 0
    aside = [one for one in found if isinstance(one, Aside)] + refused
    aside += [Aside("labels", "broke a rule of the table; guanchao quarantine list --table labels")] * broken_n
    unanswered_n = sum(isinstance(one, Answer) and not one.words for one in found)
    rejects = settings.root / "rejects" / f"{path.stem}-labels-{shanghai(moment, '%Y%m%dT%H%M%S')}.csv" if aside else None
    if rejects:
        _keep(aside, rejects)
    unchanged_n = len(found) - unanswered_n - len(aside) - (told.height - broken_n)
    return Imported(len(found), told.height - broken_n - changed_n, changed_n, unchanged_n, unanswered_n, aside, rejects)


def _keep(aside: list[Aside], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([("place", "post_id", "reason"), *((one.place, one.post_id, one.reason) for one in aside)])


def agreements(settings: Settings) -> pl.DataFrame:
    """κ per head of every two annotators with texts in common (agreement.agreement); the model is one of them, on the random share."""
    from models.acquisition import readings
    from models.classifier.score import SHIPPED, version

    warehouse = Warehouse(settings.warehouse)
    people = current(warehouse.read("labels"))
    model = as_annotator(readings(warehouse.read("scores"), version(SHIPPED)), people)
    return agreement(pl.concat([people.select(model.columns), model]))


def settled(settings: Settings) -> Settled:
    """What this installation's people and verdicts say by now, a row a text; models.labels.training_rows makes it rows for training."""
    return settle(votes_of(Warehouse(settings.warehouse), datetime.now(UTC)))
