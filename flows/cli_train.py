"""`guanchao train …`: teach a model, judge it, promote or refuse it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import SHARED, Data, Tracking, switches
from warehouse.settings import PROJECT, ConfigProblem, load_settings

if TYPE_CHECKING:
    import polars as pl

train = typer.Typer(no_args_is_help=True, help="Teach a model, judge it, promote or refuse it.")


@train.command("pretrain")
def train_pretrain(
    minutes: Annotated[float, typer.Option(help="how long")],
    data: Data = SHARED,
    work: Annotated[Path, typer.Option(help="folder of the corpus and the checkpoints; a run there is continued")] = Path("data/pretrain"),
    layers: Annotated[int, typer.Option(min=1, help="of a new encoder")] = 4,
    width: Annotated[int, typer.Option(min=64, help="of a new encoder, a multiple of 64")] = 256,
    batch: Annotated[int, typer.Option(min=1, help="rows of 128 pieces a step; a GPU wants some hundred")] = 32,
) -> None:
    """Masked-language-model pretraining of the embedded BERT; stop it at any time and start it again."""
    if width % 64:
        raise ConfigProblem(f"--width {width}: attention heads are 64 wide; write a multiple of 64")
    from models.classifier.network import Shape
    from models.classifier.work import pretrain_in

    progress = pretrain_in(work, data, minutes, Shape(layers, width), batch)
    typer.echo(f"{progress['tokens'] / 1e6:.1f} M tokens so far, loss {progress['loss']:.3f}; weights in {work}")


@train.command("text")
def train_text(
    data: Data = SHARED,
    checkpoint: Annotated[str, typer.Option(help="`embedded`, a folder, or a hub's name", envvar="GUANCHAO_CHECKPOINT")] = "embedded",
    promote: Annotated[bool, typer.Option("--promote", help="replace the champion if the judge agrees")] = False,
    tracking_uri: Tracking = None,
    onnx: Annotated[Path | None, typer.Option(help="write the challenger as one ONNX file, too")] = None,
    conf: Annotated[Path | None, typer.Option("--conf", help="learn from this installation's labels too", envvar="GUANCHAO_CONF")] = None,
) -> None:
    """Labels → the classifier, judged against champion and linear baseline on the frozen test split."""
    from flows.terminal import print_report
    from models.classifier import train as text
    from models.provenance import seal

    switches()
    labels = None if conf is None else _labels(conf)
    print_report(text.train(data, checkpoint, promote=promote, tracking_uri=tracking_uri, labels=labels, onnx=onnx))
    seal(PROJECT / "models" / "weights")


def _labels(conf: Path) -> pl.DataFrame:
    """What people of an installation said, as rows to learn from; how much that is goes to stderr."""
    from flows.labels import settled
    from models.labels import training_rows

    settings = load_settings(conf)
    said = settled(settings)
    rows = training_rows(said)
    counts = ", ".join(f"{n} {split}" for split, n in sorted(rows["split"].value_counts().iter_rows()))
    disputed = ", ".join(f"{head} {n}" for head, n in said.disputed.items())
    typer.echo(f"labels of {conf}: {rows.height} texts ({counts or 'none yet'}); disputed: {disputed}", err=True)
    if settings.drill:
        typer.echo("演练 / a drill: these texts are constructed; do not promote what was taught on them", err=True)
    return rows


@train.command("escalation")
def train_escalation(
    data: Data = SHARED,
    promote: Annotated[bool, typer.Option("--promote", help="replace the champion if the judge agrees")] = False,
    tracking_uri: Tracking = None,
) -> None:
    """Boards and cascades → the forecasters of events, cascades and topics, each judged against champion and baselines."""
    from flows.terminal import print_figures
    from models.escalation import train as escalation
    from models.provenance import seal

    switches()
    for report in escalation.train_all(data, tracking_uri=tracking_uri, promote=promote):
        print_figures(report)
    seal(PROJECT / "models" / "weights")
