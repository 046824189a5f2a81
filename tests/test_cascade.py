"""The forecaster of one post: nothing later than the age asked about matters, more reposts never count against it, bad folders say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from flows.cli import app
from models.escalation.cascade import alarms, baselines, features, fit, inputs, judging, network, teach
from models.escalation.cascade.clock import Clock
from models.escalation.cascade.data import CascadeProblem, Cascades, arranged, load
from models.escalation.cascade.features import GRID, Known
from models.escalation.cascade.model import SHIPPED, Forecaster, Sizes, Vintage, write
from models.escalation.model import ModelProblem

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
FILL = {"author_followers": 7.0, "author_friends": 5.0, "author_messages": 6.0, "author_days": 900.0}
KNOWN = Known(Clock(np.ones(48), np.linspace(1, 0.01, 22)), FILL)
real = pytest.mark.real
needs_shared = pytest.mark.skipif(not (SHARED / "cascades").is_dir(), reason="needs ../shared")
needs_weights = pytest.mark.skipif(not (SHIPPED / "state.json").is_file(), reason="no shipped forecaster")


def made(posts: int = 12, seed: int = 0, most: int = 900) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Constructed cascades in the shared format: sizes 0 … most, fading with age, chains of reposts."""
    random = np.random.default_rng(seed)
    start, lines = 1_350_000_000, []
    about = {
        "cascade_id": [f"c{k:011d}" for k in range(posts)], "post_time": [start + k * 90_000 for k in range(posts)],
        "text": ["#话题# 求扩散!" if k % 2 else "医院的公告?" for k in range(posts)], "author_hash": [f"a{k}" for k in range(posts)],
        "author_followers_at_crawl": [None if k % 5 == 0 else 10 ** (k % 7) for k in range(posts)], "pics": [k % 3 for k in range(posts)],
    }  # fmt: skip
    for k in range(posts):
        size = 0 if k == 1 else int(random.uniform(5, most))
        seconds = np.sort(random.exponential(6 * 3600, size).astype(int))
        for i, second in enumerate(seconds.tolist()):
            parent = int(random.integers(-1, i)) if i and random.random() < 0.5 else -1
            lines.append((about["cascade_id"][k], i, parent, f"u{random.integers(0, 5000)}", second, "真的吗?" if i % 7 == 0 else ""))
    schema = {"cascade_id": pl.String, "i": pl.Int32, "parent_i": pl.Int32, "uid_hash": pl.String, "sec": pl.Int32, "text": pl.String}
    return pl.DataFrame(about), pl.DataFrame(lines, schema=schema, orient="row")


def written(folder: Path, posts: pl.DataFrame, reposts: pl.DataFrame) -> Path:
    folder.mkdir(exist_ok=True)
    posts.write_parquet(folder / "cascades.parquet")
    reposts.write_parquet(folder / "reposts.parquet")
    return folder


@pytest.fixture(scope="module")
def cascades(tmp_path_factory: pytest.TempPathFactory) -> Cascades:
    return load(written(tmp_path_factory.mktemp("made") / "cascades", *made()))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Forecaster:
    """A forecaster of the real make, taught for a moment on constructed posts."""
    everyone = load(written(tmp_path_factory.mktemp("small") / "cascades", *made(60, 3)))
    split = pl.Series("split", ["train"] * 60)
    posts = everyone.posts.with_columns(split, pl.lit("rumor").alias("final_rumor_label"))
    rows = fit.labelled(Cascades(posts, everyone.reposts, everyone.starts, everyone.all_hours), KNOWN)
    columns = inputs.names(features.rows(everyone, KNOWN, (1.0,)))
    known = teach.Rows.of(rows, columns)
    patch = pytest.MonkeyPatch()
    patch.setattr(teach, "TREE_ROUNDS", 40)
    patch.setattr(teach, "SIZE_ROUNDS", 15)
    patch.setattr(teach, "TREES", teach.TREES | {"min_data_in_leaf": 50, "num_threads": 1})
    patch.setattr(teach, "SIZES", teach.SIZES | {"num_threads": 1})
    patch.setattr(teach, "EPOCHS", 20)
    one = Vintage(0, (teach.network(known, 0),), (teach.trees(known, 0),), (0.0, 1.0))
    later = Vintage(1_352_000_000, one.nets, one.trees, (0.0, 1.0))
    said, grown = baselines.described(baselines.fit(rows.filter(pl.col("n") < 500))), teach.sizes(known, 0)
    folder = tmp_path_factory.mktemp("weights")
    patch.undo()
    write(folder, KNOWN, columns, {"early": one, "late": later, "early_low": one, "late_low": later}, Sizes(grown, 0.1), said)
    return Forecaster.load(folder)


def after(reposts: pl.DataFrame, hours: float, how: str) -> pl.DataFrame:
    """Everything later than `hours` after each post deleted, shuffled in time, or said and done by others."""
    is_later = pl.col("sec") > hours * 3600
    if how == "deleted":
        return reposts.filter(~is_later)
    kept, later = reposts.filter(~is_later), reposts.filter(is_later)
    if how == "shuffled":
        random = np.random.default_rng(1)
        return pl.concat([kept, later.with_columns(pl.Series("sec", random.permutation(later["sec"].to_numpy()), pl.Int32))])
    altered = later.with_columns(
        (pl.col("sec") * 3).alias("sec"),
        pl.lit(-1, pl.Int32).alias("parent_i"),
        pl.lit("谣言!怒").alias("text"),
        pl.lit("one").alias("uid_hash"),
    )
    return pl.concat([kept, altered])


@pytest.mark.parametrize("how", ["deleted", "shuffled", "altered"])
@pytest.mark.parametrize("age", [0.25, 1.0, 6.0, 24.0])
def test_nothing_later_matters(small: Forecaster, age: float, how: str) -> None:
    posts, reposts = made(20, 9)
    whole = arranged(*_typed(posts, reposts))
    cut = arranged(*_typed(posts, after(reposts, age, how)))
    assert len(cut.reposts) != len(whole.reposts) or how != "deleted"
    seen, blind = (small.rows(one, (age,)) for one in (whole, cut))
    assert seen.equals(blind, null_equal=True)
    assert (small.predict(seen) == small.predict(blind)).all()
    assert small.size(seen).equals(small.size(blind))


def _typed(posts: pl.DataFrame, reposts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    from models.escalation.cascade.data import POST

    lacking = [pl.lit(None, kind).alias(name) for name, kind in POST.items() if name not in posts.columns]
    return posts.with_columns(lacking), reposts


def test_outcomes_are_not_read(tmp_path: Path) -> None:
    posts, reposts = made(4)
    folder = written(tmp_path, posts.with_columns(pl.lit(99).alias("final_reposts_counter"), pl.lit(9).alias("final_n_listed")), reposts)
    assert not [name for name in load(folder).posts.columns if name.startswith("final_")]
    assert not [name for name in features.rows(load(folder), KNOWN, (1.0,)).columns if "final" in name or "listed" in name]


def test_counts_are_what_was_there(cascades: Cascades) -> None:
    rows = features.rows(cascades, KNOWN, (1.0, 6.0))
    for k, name in enumerate(cascades.posts["cascade_id"]):
        hours = cascades.hours(k)
        mine = rows.filter(pl.col("cascade_id") == name)
        assert mine["n"].to_list() == [(hours <= 1).sum(), (hours <= 6).sum()]
        assert np.expm1(mine["log_1h"][1]) == pytest.approx(((hours > 5) & (hours <= 6)).sum(), abs=1e-3)
    assert rows.select(pl.col(pl.Float32).is_infinite().any()).sum_horizontal().item() == 0


def test_missing_author_is_filled_with_the_middle(cascades: Cascades) -> None:
    rows = features.rows(cascades, KNOWN, (1.0,))
    gone = rows.join(cascades.posts.filter(pl.col("author_followers_at_crawl").is_null()), on="cascade_id", how="semi")
    assert gone["author_followers"].unique().to_list() == [FILL["author_followers"]]


def test_more_reposts_never_lower_the_trees(small: Forecaster, cascades: Cascades) -> None:
    x = inputs.matrix(small.rows(cascades, (3.0,)), small.columns)
    booster, level, wait = small.vintages["early"].trees[0], np.full(len(x), 500.0), np.full(len(x), 48.0)
    rising = [j for j, sign in enumerate(inputs.signs(small.columns)) if sign and small.columns[j] != "n"]
    more = x.copy()
    more[:, rising] += 0.5
    assert "log_1h" in np.array(small.columns)[rising]
    one, other = (booster.predict(np.column_stack([part, inputs.asked(part, small.columns, level, wait)])) for part in (x, more))
    assert (other >= one - 1e-12).all()
    assert (other > one).any()


def test_network_runs_without_torch_as_it_was_taught(small: Forecaster, cascades: Cascades, tmp_path: Path) -> None:
    import torch

    net = small.vintages["early"].nets[0]
    x, n = inputs.matrix(small.rows(cascades, (3.0,)), small.columns), len(cascades)
    level, wait = np.full(n, 500.0), np.full(n, 48.0)
    w = {name: torch.from_numpy(value) for name, value in net.weights.items()}
    layer = torch.nn.functional.linear
    silu = torch.nn.functional.silu
    z = torch.from_numpy(net.scaler.read(x, small.columns).astype(np.float32))
    z = silu(layer(silu(layer(z, w["one.weight"], w["one.bias"])), w["two.weight"], w["two.bias"]))
    question = torch.from_numpy(np.clip(inputs.asked(x, small.columns, level, wait), -network.CLIP, network.CLIP))
    z = layer(silu(layer(torch.cat([z, question], 1), w["asked.weight"], w["asked.bias"])), w["out.weight"], w["out.bias"])
    assert net.predict(x, small.columns, level, wait) == pytest.approx(torch.sigmoid(z)[:, 0].numpy(), abs=1e-5)
    net.save(tmp_path / "a.npz")
    network.Network.load(tmp_path / "a.npz").save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_it_learns_and_sizes_are_in_order(small: Forecaster) -> None:
    posts, reposts = made(40, 17)
    unseen = arranged(*_typed(posts, reposts))
    rows = small.rows(unseen, (3.0,))
    y = np.array([(unseen.hours(k) <= 51).sum() >= 500 for k in range(len(unseen))])
    below = (rows["n"] < 500).to_numpy()
    p = small.predict(rows)
    assert p[below & y].mean() > p[below & ~y].mean() + 0.2
    sizes = small.size(rows)
    assert ((sizes["low_n"] <= sizes["expected_n"]) & (sizes["expected_n"] <= sizes["high_n"])).all()
    assert (sizes["low_n"] >= rows["n"]).all()
    assert (p[(rows["n"] >= 500).to_numpy()] > 0.99).all()


def test_newest_vintage_made_before_the_post(small: Forecaster, cascades: Cascades) -> None:
    other = Vintage(small.vintages["late"].since, small.vintages["late"].nets, small.vintages["late"].trees, (3.0, 1.0))
    changed = Forecaster(small.known, small.columns, {**small.vintages, "late": other}, small.sizes, small.baselines, "")
    rows = small.rows(cascades, (1.0,)).with_columns(
        pl.when(pl.int_range(pl.len()) < 6).then(1_350_000_000).otherwise(1_360_000_000).alias("post_time")
    )
    moved = small.predict(rows) != changed.predict(rows)
    assert not moved[:6].any()
    assert moved[6:].any()


def test_alarms_count_leads_as_the_judge_does() -> None:
    rows = pl.DataFrame({
        "cascade_id": ["a", "a", "a", "b", "b", "c"], "t0_h": [1.0, 2.0, 3.0, 1.0, 2.0, 1.0], "n": [10, 20, 510, 10, 10, 10],
        "cross": [2.5, 2.5, 2.5, np.inf, np.inf, 60.0],
    })  # fmt: skip
    heard = alarms.sound(rows, np.array([0.2, 0.9, 0.9, 0.1, 0.8, 0.9]), 0.7)
    assert (heard.alarms, heard.escalations, heard.lead.tolist()) == (3, 2, [0.5])  # c: 59 h ahead is not within 48 h
    assert heard.warned(3) == 0
    assert alarms.threshold_for(rows, np.array([0.2, 0.9, 0.9, 0.1, 0.8, 0.9]), 0.99) is None


def test_paired_interval_sees_a_difference_and_none() -> None:
    random = np.random.default_rng(0)
    y = (random.random(600) < 0.3).astype(float)
    posts = pl.Series([f"p{k // 3}" for k in range(600)])
    good, bad = y + random.normal(0, 0.5, 600), random.random(600)
    metric = judging.metrics.average_precision
    assert judging.difference(posts, y, good, bad, metric)[1] > 0
    assert judging.difference(posts, y, good, good, metric) == (0, 0, 0)


def test_every_baseline_is_a_probability(small: Forecaster, cascades: Cascades) -> None:
    said = baselines.predict(small.baselines, small.rows(cascades, GRID))
    assert set(said) == set(baselines.NAMES)
    for p in said.values():
        assert np.isfinite(p).all()
        assert ((p >= 0) & (p <= 1)).all()
    assert said["count"].std() > 0.05


@pytest.mark.parametrize(("break_it", "said"), [
    (lambda f: (f / "reposts.parquet").unlink(), "reposts.parquet: no such file"),
    (lambda f: (f / "cascades.parquet").write_bytes(b"no"), "cascades.parquet: "),
    (lambda f: pl.DataFrame({"cascade_id": ["a"]}).write_parquet(f / "cascades.parquet"), "no column post_time"),
    (lambda f: made(2)[0].head(0).write_parquet(f / "cascades.parquet"), "no cascade in it"),
    (lambda f: pl.concat([made(2)[0]] * 2).write_parquet(f / "cascades.parquet"), "twice"),
    (lambda f: pl.DataFrame({"cascade_id": ["a"], "post_time": ["yesterday"]}).write_parquet(f / "cascades.parquet"), "cascades.parquet: "),
])  # fmt: skip
def test_a_bad_folder_is_one_line(tmp_path: Path, break_it: object, said: str) -> None:
    folder = written(tmp_path / "x", *made(3))
    break_it(folder)  # type: ignore[operator]
    with pytest.raises(CascadeProblem, match=said) as problem:
        load(folder)
    assert "\n" not in str(problem.value)


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelProblem, match="no usable cascade forecaster"):
        Forecaster.load(tmp_path)


@needs_weights
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_forecast_command(tmp_path: Path, suffix: str) -> None:
    posts, reposts = made(5)
    folder, out = (
        written(tmp_path / "in", posts.select("cascade_id", "post_time"), reposts.select("cascade_id", "sec")),
        tmp_path / f"o{suffix}",
    )
    done = CliRunner().invoke(app, ["forecast", "--cascades", str(folder), "--out", str(out)])
    assert done.exit_code == 0, done.output
    found = pl.read_csv(out) if suffix == ".csv" else pl.read_parquet(out)
    assert found.columns == ["cascade_id", "t0_h", "p"]
    assert found.height == 5 * len(GRID)
    assert found["p"].is_between(0, 1).all()
    assert found["p"].is_finite().all()


@needs_weights
@needs_shared
@real
def test_shipped_forecaster_beats_count_on_validation() -> None:
    rows = fit.labelled(load(SHARED / "cascades", with_labels=True).keep(pl.col("split") == "val"), Forecaster.load().known)
    figures = {line["who"]: line for line in judging.table(Forecaster.load(), rows).iter_rows(named=True)}
    assert figures[judging.FORECASTER]["ap"] > figures["count"]["ap"] + 0.05
    assert figures[judging.FORECASTER]["brier"] < figures["count"]["brier"]


@needs_weights
@needs_shared
@real
def test_real_forecasts_are_blind_to_the_future() -> None:
    some = load(SHARED / "cascades").keep(pl.int_range(pl.len()) < 40)
    cut = arranged(some.posts, some.reposts.filter(pl.col("sec") <= 6 * 3600))
    shipped = Forecaster.load()
    ages = [age for age in GRID if age <= 6]
    assert shipped.forecast(some, ages).equals(shipped.forecast(cut, ages))
