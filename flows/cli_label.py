"""`guanchao label …`: texts out to people, their labels back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.options import DRILL, Conf
from warehouse.settings import load_settings

label = typer.Typer(no_args_is_help=True, help="Labels: export what is worth a person's look, import what was said.")
SHOWN = 20  # rows set aside that are printed; all of them are in the file


@label.command("export")
def label_export(
    out: Annotated[Path, typer.Option("--out", help="file to write; Label Studio and doccano get a second one beside it")],
    conf: Conf = DRILL,
    n: Annotated[int, typer.Option("--n", min=1, help="how many texts")] = 200,
    form: Annotated[str, typer.Option("--format", help="csv, xlsx, label-studio or doccano")] = "csv",
    seed: Annotated[int, typer.Option(help="of the random share")] = 7,
) -> None:
    """The texts most worth a person's look, each with the reason why, as a file to fill in."""
    from rich.table import Table

    from flows import labels
    from flows.terminal import console
    from warehouse.vocabulary import QUEUE_REASONS

    chosen, files = labels.export(load_settings(conf), out, n, form, seed)
    table = Table("reason", "", "texts")
    for reason, count in chosen["queue_reason"].value_counts(sort=True).iter_rows():
        table.add_row(reason, QUEUE_REASONS[reason], str(count))
    console.print(table)
    for file in files:
        typer.echo(file)


@label.command("import")
def label_import(
    source: Annotated[Path, typer.Argument(help="filled-in CSV or XLSX, Label Studio's JSON export, doccano's JSONL")],
    annotator: Annotated[str, typer.Option(help="pseudonym of who labelled, e.g. pr-1")],
    conf: Conf = DRILL,
    trust: Annotated[float, typer.Option(help="weight of these labels against others of the same text, above 0, at most 1")] = 1.0,
) -> None:
    """Labels back into the table `labels`; a second import of the same file changes nothing."""
    from flows import labels

    settings = load_settings(conf)
    done = labels.import_(settings, source, annotator, trust)
    typer.echo(
        f"{done.read_n} rows: {done.new_n} new, {done.changed_n} corrected, {done.unchanged_n} known already, "
        f"{done.unanswered_n} unanswered, {len(done.aside)} set aside"
    )
    for one in done.aside[:SHOWN]:
        typer.echo(f"  {one.place}: {one.reason}", err=True)
    if done.rejects:
        typer.echo(f"set aside: {done.rejects}", err=True)
    table = labels.agreements(settings)
    if table.height:
        print_agreement(table)


@label.command("agreement")
def label_agreement(conf: Conf = DRILL) -> None:
    """Cohen's kappa of every two annotators who labelled the same texts, per head."""
    from flows import labels

    table = labels.agreements(load_settings(conf))
    if table.is_empty():
        typer.echo("no two annotators have labelled the same text yet")
    else:
        print_agreement(table)


def print_agreement(agreement: Any) -> None:
    """κ and n a head and pair; too few texts are said to be too few."""
    from rich.table import Table

    from flows.terminal import console
    from models.agreement import FEW

    table = Table("head", "annotators", "texts", "same", "κ", "")
    for row in agreement.iter_rows(named=True):
        kappa = "—" if row["kappa"] is None else f"{row['kappa']:.2f}"
        note = f"too few (< {FEW})" if row["n"] < FEW else "only one answer was ever given" if row["kappa"] is None else ""
        table.add_row(row["head"], f"{row['first']} · {row['second']}", str(row["n"]), f"{row['same']:.0%}", kappa, note)
    console.print(table)
