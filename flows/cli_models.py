"""`guanchao models …`: what is registered, what it measured, and going back to an earlier one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.options import Tracking, switches
from warehouse.settings import PROJECT

models = typer.Typer(no_args_is_help=True, help="Registered models: list, show, compare, rollback.")
Name = Annotated[str, typer.Argument(help="text or escalation")]
Weights = Annotated[Path, typer.Option("--weights", help="where models are shipped")]
SHIPPED = PROJECT / "models" / "weights"


@models.command("list")
def list_(tracking_uri: Tracking = None, weights: Weights = SHIPPED) -> None:
    """Every registered version, which is the champion, and which lies in models/weights."""
    from flows.model_tables import version_rows
    from flows.terminal import console
    from models.registry import RegistryProblem, list_models
    from models.registry import tracking_uri as where

    switches()
    found = list_models(tracking_uri)
    if not found:
        raise RegistryProblem(
            f"nothing is registered in {where(tracking_uri)}; `guanchao train text` or `train escalation` registers a model"
        )
    console.print(version_rows(found, weights, tracking_uri))


@models.command()
def show(
    name: Name, version: Annotated[str | None, typer.Argument(help="default: the champion")] = None, tracking_uri: Tracking = None
) -> None:  # fmt: skip
    """What a version was made from and with, what it measured, and the judge's verdict."""
    from flows.model_tables import print_record
    from models.versions import find, record

    switches()
    print_record(record(find(name, version, tracking_uri), tracking_uri))


@models.command()
def compare(
    name: Name, a: Annotated[str, typer.Argument(help="version")], b: Annotated[str, typer.Argument(help="version")],
    tracking_uri: Tracking = None,
) -> None:  # fmt: skip
    """Two versions side by side: figures with their difference, and whatever they were made from or with that differs."""
    from flows.model_tables import print_comparison
    from models.versions import find, record

    switches()
    print_comparison(*(record(find(name, version, tracking_uri), tracking_uri) for version in (a, b)))


@models.command()
def rollback(
    name: Name, version: Annotated[str | None, typer.Argument(help="default: the champion before")] = None,
    tracking_uri: Tracking = None, weights: Weights = SHIPPED,
) -> None:  # fmt: skip
    """Put an earlier version's files back into models/weights, whole, seal them, and give it the alias `champion`."""
    from models.versions import earlier, find, is_shipped, record
    from models.versions import rollback as restore

    switches()
    chosen = earlier(name, tracking_uri) if version is None else find(name, version, tracking_uri)
    before = find(name, None, tracking_uri)
    was = is_shipped(before, weights)
    verdict = record(chosen, tracking_uri).tags.get("verdict", "unknown")
    folder = restore(chosen, weights, tracking_uri)
    typer.echo(f"{name}: version {chosen.version} (verdict: {verdict}) is in {folder}, sealed in SHA256SUMS, and the champion")
    if before.version != chosen.version:
        typer.echo(f"before: version {before.version}; back to it: guanchao models rollback {name} {before.version}")
    if not was:
        typer.echo(f"the files that lay there were not those of version {before.version}; git has them if they were committed")
