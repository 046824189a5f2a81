"""`guanchao tables …`: what lies in the warehouse, and its upkeep. All of it may run beside the flows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.options import DRILL, Conf
from warehouse.settings import ConfigProblem, Settings, load_settings

if TYPE_CHECKING:
    from warehouse.tables_upkeep import Tidied

tables = typer.Typer(no_args_is_help=True, help="The warehouse's tables: list, compact, vacuum, retain, erase.")
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would be done, and do nothing")]


@tables.command("list")
def list_(conf: Conf = DRILL) -> None:
    """Every table: rows, files, bytes, days, and how long its rows are kept."""
    from warehouse.tables_upkeep import inventory

    settings, warehouse = _opened(conf)
    found = inventory(warehouse)
    typer.echo(f"{'table':20}{'rows':>12}{'files':>8}{'MiB':>9}{'days':>6}  {'first':10}  {'last':10}  kept")
    for row in found.iter_rows(named=True):
        days = settings.keep_days.get(row["table"], row["keep_days"])
        typer.echo(
            f"{row['table']:20}{row['rows_n']:>12}{row['files_n']:>8}{row['bytes_n'] / 2**20:>9.1f}{row['days_n']:>6}  "
            f"{row['first_on'] or '-':10}  {row['last_on'] or '-':10}  {'for good' if days is None else f'{days} d'}"
        )


@tables.command()
def compact(conf: Conf = DRILL, dry_run: DryRun = False) -> None:
    """Days that lie in several files into one file each; today's are left in peace."""
    from warehouse.tables_upkeep import compact as together

    _, warehouse = _opened(conf)
    _tell(together(warehouse, datetime.now(UTC), dry_run), "days compacted", dry_run)


@tables.command()
def vacuum(
    conf: Conf = DRILL,
    hours: Annotated[int, typer.Option(min=0, help="what a version younger than this refers to stays; 0 only while nothing runs")] = 24,
    dry_run: DryRun = False,
) -> None:
    """Remove files no table refers to any more: compacted, replaced or erased rows, and what killed writers left."""
    from warehouse.tables_upkeep import vacuum as sweep

    _, warehouse = _opened(conf)
    _tell(sweep(warehouse, hours, dry_run), "files removed", dry_run)


@tables.command()
def retain(conf: Conf = DRILL, dry_run: DryRun = False) -> None:
    """Drop the days that are over (`keep_days` of settings.yml, else of warehouse/schema.py), and archived answers with them."""
    from flows.road import when
    from warehouse.tables_upkeep import drop_old

    settings, warehouse = _opened(conf)
    done = drop_old(warehouse, settings.archive, when(None, settings.as_of), settings.keep_days, dry_run)
    _tell(done, "rows or files dropped", dry_run)


@tables.command()
def erase(
    conf: Conf = DRILL,
    author: Annotated[list[str] | None, typer.Option(help="PLATFORM:USER ID, e.g. weibo:1234567890; needs GUANCHAO_AUTHOR_SECRET")] = None,
    author_hash: Annotated[list[str] | None, typer.Option(help="author_hash as in the table posts")] = None,
    url: Annotated[list[str] | None, typer.Option(help="address of a post")] = None,
    note: Annotated[str, typer.Option(help="who asked and on what ground, for the audit; no names of authors")] = "",
    dry_run: DryRun = False,
) -> None:
    """Erase an author's posts, or one post, from all tables and from the archive, with pictures of their pages, and keep them out."""
    from flows import handed_out
    from warehouse.erase import Wish
    from warehouse.erase import erase as remove

    settings, warehouse = _opened(conf)
    wish = Wish((*_hashes(settings, author or []), *(author_hash or [])), _addresses(url or []), note)
    if not wish.authors and not wish.urls:
        raise ConfigProblem("tables erase: whom or what? --author PLATFORM:ID, --author-hash HASH or --url ADDRESS")
    printed = handed_out.titles(warehouse, wish)  # before they are blanked
    done = remove(warehouse, settings.archive, wish, datetime.now(UTC).replace(microsecond=0), dry_run)
    would = "would be " if dry_run else ""
    for table, n in sorted(done.rows.items()):
        typer.echo(f"{table}: {n} rows {would}erased")
    typer.echo(f"{done.buried} archived answers {would}buried; {done.others_n} posts of others lose their evidence with them")
    for file in done.missing:
        typer.echo(f"not in the archive: {file}", err=True)
    posts, urls = {*done.posts, *handed_out.erased_posts(warehouse)}, {*done.urls, *wish.urls}
    pictures = handed_out.drop_pictures(settings.root / "screenshots", posts, urls, dry_run)
    typer.echo(f"{pictures} pictures of pages {would}deleted")
    for path in handed_out.pages(settings.published, [*done.posts, *(url.partition("://")[2] or url for url in urls), *printed]):
        typer.echo(f"still names it: {path}")
    for path in handed_out.rejects(settings.root / "rejects", done.posts, urls):
        typer.echo(f"rejected rows that hold it: {path}")
    if not dry_run:
        typer.echo("The old files go with the next `guanchao tables vacuum` a day from now; backups are yours to mend.")


def _opened(conf: Path) -> tuple[Settings, Any]:
    from warehouse.store import Warehouse

    settings = load_settings(conf)
    return settings, Warehouse(settings.warehouse, "upkeep")


def _tell(done: list[Tidied], what: str, dry_run: bool) -> None:
    """A line a table; those that could not be tidied on stderr, and exit code 1 for them."""
    for one in done:
        line = f"{one.table}: {one.n} {what}{' (would be)' if dry_run else ''}{f'; {one.note}' if one.note else ''}"
        typer.echo(line, err=one.is_failed)
    if not done:
        typer.echo("nothing to do")
    if any(one.is_failed for one in done):
        raise typer.Exit(1)


def _hashes(settings: Settings, authors: list[str]) -> list[str]:
    from crawlers.clean import author_hash
    from warehouse.vocabulary import PLATFORMS

    secret = settings.author_secret.get_secret_value()
    if authors and not secret and not settings.drill:
        raise ConfigProblem("tables erase --author: GUANCHAO_AUTHOR_SECRET is not set; without it no author can be found by name")
    found = []
    for said in authors:
        platform, colon, uid = said.partition(":")
        if not colon or not uid or platform not in PLATFORMS:
            raise ConfigProblem(f"--author {said}: write PLATFORM:USER ID; platforms: {', '.join(PLATFORMS)}")
        found.append(author_hash(secret, platform, uid))
    return found


def _addresses(urls: list[str]) -> tuple[str, ...]:
    """As they came and as the tables write them."""
    from crawlers.addresses import canonical_url

    return tuple(dict.fromkeys([*urls, *map(canonical_url, urls)]))
