"""`guanchao …`: the verbs of the road. A user's mistake costs one clear line and exit code 2, never a traceback."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli_backscore import backscore
from flows.cli_backtest import backtest
from flows.cli_evidence import evidence
from flows.cli_forecast import forecast
from flows.cli_label import label
from flows.cli_models import models
from flows.cli_quarantine import quarantine
from flows.cli_record import record
from flows.cli_sources import sources
from flows.cli_tables import tables
from flows.cli_train import train
from flows.cli_validate import validate
from flows.options import DRILL, SHARED, AsOf, Conf, Data, Tracking, conf_of, prepare_to_write, writing
from warehouse.settings import ConfigProblem, Settings, load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="观潮 Guanchao: 医院网络舆情预警")
app.add_typer(train, name="train")
app.add_typer(models, name="models")
app.add_typer(label, name="label")
app.add_typer(tables, name="tables")
app.add_typer(sources, name="sources")
app.add_typer(quarantine, name="quarantine")
app.command()(writing(backscore))
app.command()(forecast)
app.command()(writing(backtest))
app.command()(writing(validate))
app.command()(evidence)
app.command()(record)


@app.command()
def run(conf: Conf = DRILL, as_of: AsOf = None) -> None:
    """The whole road, from the crawl to the published list. A past --as-of is run again without network."""
    settings = load_settings(conf)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")  # the table below says what happened
    prepare_to_write(settings)
    from flows.daily import daily
    from flows.road import when

    when(as_of, settings.as_of)  # a time nobody can read is said before a flow is started for it
    relived = as_of is not None and not settings.drill
    steps: Any = daily(str(conf), as_of, crawl=not relived, return_state=True).result(raise_on_failure=False)
    _show(steps, settings, conf)


@app.command()
def crawl(
    conf: Conf = DRILL,
    shard: Annotated[str | None, typer.Option(help="this worker's part of the sources, e.g. 2/3; default: crawl_shard of settings")] = None,
) -> None:
    """Ask the sources that are due and land what they say, without a list: for workers that share the sources between them."""
    os.environ.update({"GUANCHAO_CRAWL_SHARD": shard} if shard else {})
    settings = load_settings(conf)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    prepare_to_write(settings)
    from flows.pulse import arrive

    steps: Any = arrive(str(conf), return_state=True).result(raise_on_failure=False)
    _show(steps, settings, conf, makes_list=False)


@app.command()
def stage(
    name: Annotated[str, typer.Argument(help="resolve, mention, score, group, forecast, rank, explain, watch, publish or record")],
    conf: Conf = DRILL,
    as_of: AsOf = None,
) -> None:  # fmt: skip
    """One stage of the last run (or of --as-of) again on what the tables hold, e.g. `rank` after an edit of the playbook."""
    from flows.steps import timed
    from flows.terminal import print_steps

    settings = load_settings(conf)
    prepare_to_write(settings)
    from flows.daily import READING
    from flows.past import check_kept, check_made
    from flows.road import Road, last_run, when

    known = {one.__name__: one for one in READING}
    if name not in known:
        raise ConfigProblem(f"stage {name}: unknown; one of: {', '.join(known)}")
    road = Road(settings, when(as_of or last_run(settings), settings.as_of))
    if as_of:
        check_made(road)
    if name not in ("resolve", "record"):
        check_kept(road)
    if not print_steps([timed(known[name])(road)], settings, conf):
        raise typer.Exit(1)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="an export (CSV, XLSX, JSON, Parquet), .zip, .gz, MediaCrawler's or the shared folder")],
    conf: Conf = DRILL,
    since: Annotated[str | None, typer.Option(help="shared data: from this instant on")] = None,
    until: Annotated[str | None, typer.Option(help="shared data: up to this instant")] = None,
    sheet: Annotated[str | None, typer.Option(help="XLSX: which sheet")] = None,
    platform: Annotated[str | None, typer.Option(help="where the posts were published, if the file does not say")] = None,
    fetched_at: Annotated[str | None, typer.Option(help="recorded answer of a platform: when it arrived; default: the file's time")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would come in, and write nothing")] = False,
) -> None:
    """Read a file through the same validation as a crawl. The same file again changes nothing."""
    from flows import imports
    from flows.terminal import print_import

    settings = load_settings(conf)
    wish, is_shared = imports.Wish(sheet, platform, fetched_at), imports.is_shared(source)
    if is_shared and dry_run:
        raise ConfigProblem(f"{source}: the shared data has no --dry-run; name one file")
    if not is_shared and (since or until):
        raise ConfigProblem(f"{source}: --since and --until are for the shared data; leave them away")
    if dry_run:
        is_well = print_import(imports.preview(settings, source, wish))
    else:
        prepare_to_write(settings)
        is_well = print_import(imports.shared(settings, source, since, until) if is_shared else imports.export(settings, source, wish))
    if not is_well:
        raise typer.Exit(2)


@app.command()
def score(
    source: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet with a text column")],
    out: Annotated[Path, typer.Option("--out", help="CSV, JSONL or Parquet to write")],
    precision: Annotated[str | None, typer.Option(help="f32 as on the road, bf16 or int8; default: the fastest this machine has")] = None,
    column: Annotated[str | None, typer.Option(help="the text column, if it is not named text, title, content, 正文, 内容 or 标题")] = None,
) -> None:
    """Read every text of a file: relevance, sentiment, category, with probabilities. Killed, it goes on where it stopped."""
    from models.classifier.files import score_file
    from models.classifier.score import PRECISIONS

    if precision not in (None, *PRECISIONS):
        raise ConfigProblem(f"--precision {precision}: unknown; one of: {', '.join(PRECISIONS)}")
    rows = score_file(source, out, precision, column)
    typer.echo(f"{rows} rows → {out}")


@app.command()
def drift(conf: Conf = DRILL, as_of: AsOf = None, tracking_uri: Tracking = None) -> None:
    """Has what the text model reads drifted? The last run's figures (or those of --as-of); every day's go to MLflow, once."""
    from flows.terminal import print_drift

    settings = load_settings(conf)
    prepare_to_write(settings)
    from flows.upkeep import record_drift

    print_drift(*record_drift(settings, as_of, tracking_uri))


@app.command()
def desk(
    conf: Conf = DRILL,
    port: Annotated[int, typer.Option(help="port on this machine")] = 8080,
    host: Annotated[str, typer.Option(help="address to listen on; the default is this machine alone")] = "127.0.0.1",
) -> None:
    """Look at the list in a browser."""
    import uvicorn

    from briefing.desk.app import create
    from flows.road import Road, when

    settings = load_settings(conf)
    clock = Road(settings, when(None, settings.as_of)).clock
    typer.echo(f"http://{host}:{port}  (Ctrl-C ends it)")
    uvicorn.run(create(settings.published, clock), host=host, port=port, log_level="warning")


@app.command()
def trace(
    id: Annotated[str, typer.Argument(help="id of a warning, event, post or fetch; sha256 of raw bytes, or FILE@OFFSET of their record")],
    conf: Conf = DRILL,
    verify: Annotated[bool, typer.Option("--verify", help="say of the raw bytes alone how they are; exit code 1 unless intact")] = False,
) -> None:
    """Walk an id home to the raw bytes, and forward to every warning."""
    from flows.terminal import print_trace, print_verdict_on_bytes
    from warehouse.store import Warehouse
    from warehouse.trace import trace as walk

    settings = load_settings(conf)
    walked = walk(Warehouse(settings.warehouse), id, settings.archive)
    if not verify:
        print_trace(walked)
    elif not print_verdict_on_bytes(walked):
        raise typer.Exit(1)


@app.command()
def doctor(
    conf: Conf = DRILL, network: Annotated[bool, typer.Option(help="also ask every source's robots.txt")] = False
) -> None:  # fmt: skip
    """Check this machine; every line that is not well says how to mend it."""
    from flows.doctor import doctor as check
    from flows.terminal import print_checks

    if not print_checks(check(load_settings(conf), network)):
        raise typer.Exit(1)


@app.command()
def serve(conf: Conf = DRILL) -> None:
    """Run the schedule (flows/schedule.py) until stopped; needs a Prefect server: `prefect server start`."""
    settings = load_settings(conf)
    prepare_to_write(settings)
    if not os.environ.get("PREFECT_API_URL"):
        raise ConfigProblem("PREFECT_API_URL is not set: start `prefect server start` and set it to http://127.0.0.1:4200/api")
    from prefect import serve as serve_forever

    from flows.schedule import deployments

    serve_forever(*deployments(conf), limit=2)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="text, transfer, behaviour, events or escalation")],
    full: Annotated[bool, typer.Option("--full", help="the figures of docs/benchmarks.md")] = False,
    data: Data = SHARED,
) -> None:
    """Print one JSON object: figure → value, unit, bar, met, how."""
    import contextlib
    import json

    from flows.benches import BENCHES

    if name not in BENCHES:
        raise ConfigProblem(f"bench {name}: unknown; one of: {', '.join(BENCHES)}")
    with contextlib.redirect_stdout(sys.stderr):  # nncf draws its bars on stdout
        figures = BENCHES[name](data, full)
    typer.echo(json.dumps(figures, ensure_ascii=False, indent=1))


def _show(steps: Any, settings: Settings, conf: Path, makes_list: bool = True) -> None:
    """What a flow's run came to; exit code 1 if a stage stopped."""
    from flows.terminal import print_steps

    if isinstance(steps, BaseException):
        raise steps
    if not print_steps(steps, settings, conf, makes_list=makes_list):
        raise typer.Exit(1)


def main() -> None:
    """Entry point: foreseen problems become one line on stderr and exit code 2; so does a file of a table that is torn."""
    from flows.steps import bug, foreseen, torn
    from warehouse.torn import PANIC, UNREADABLE

    try:
        app()
    except foreseen() as problem:
        print(f"guanchao: {problem}", file=sys.stderr)
        sys.exit(2)
    except UNREADABLE as problem:
        settings = load_settings(conf_of(sys.argv))
        said = torn(settings, problem)
        if not said and not isinstance(problem, PANIC):
            raise
        print(f"guanchao: {said or bug(settings, 'panic', problem)}", file=sys.stderr)
        sys.exit(2 if said else 1)


if __name__ == "__main__":
    main()
