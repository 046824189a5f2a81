"""What looking back may not change: a list of a past instant, and the note of what really left."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from expectations.land import land
from flows import listing, reading
from flows.road import Road
from tests.test_land import AS_OF, fetches, items
from warehouse.settings import PROJECT, load_settings


@pytest.fixture
def road(tmp_path: Path) -> Road:
    conf = tmp_path / "conf"
    conf.mkdir()
    for name in ("settings.yml", "hospitals.yml", "sources.yml"):
        (conf / name).write_bytes((PROJECT / "conf" / "drill" / name).read_bytes())
    return Road(load_settings(conf, root=tmp_path / "root"), AS_OF)


def test_a_hospital_put_on_the_list_later_is_no_part_of_the_list_before(road: Road) -> None:
    said = {"p1": "岚湖市第一人民医院乱收费", "p2": "岚湖九院乱收费"}
    land(road.warehouse, items(*({"post_id": one, "title": None, "text": text} for one, text in said.items())), fetches(), AS_OF, {})
    reading.mention(road)
    before = road.known("mentions")
    assert before["post_id"].unique().to_list() == ["p1"]
    file = road.settings.conf / "hospitals.yml"
    own = file.read_text(encoding="utf-8")
    other = "  - {id: lanhu_ninth, name: 岚湖九院, city: 岚湖市, province: 青澜省}\n"
    file.write_text(own.replace("\ndepartments: [急诊科", f"\n{other}departments: [急诊科", 1), encoding="utf-8")
    reading.mention(replace(road, as_of=AS_OF + timedelta(hours=1)))
    assert set(road.known("mentions")["post_id"]) == {"p1", "p2"}
    file.write_text(own, encoding="utf-8")
    assert road.known("mentions").equals(before)


@pytest.mark.parametrize(("ago", "is_sent"), [(timedelta(hours=1), True), (timedelta(days=30), False)])
def test_a_list_about_an_instant_long_gone_warned_nobody(road: Road, ago: timedelta, is_sent: bool) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    live = replace(road, settings=road.settings.model_copy(update={"drill": False, "as_of": None}), as_of=now - ago)
    listing.publish(live)
    assert live.warehouse.read("deliveries").select("as_of", "is_sent").rows() == [(now - ago, is_sent)]
    later = replace(live, as_of=live.as_of + timedelta(minutes=1))
    assert listing.earlier(later) == ([now - ago] if is_sent else [])


def test_a_list_names_those_that_left_before_it_on_its_day_and_no_other(road: Road) -> None:
    for hours in (-30, -2, 0, 3):
        listing.deliver(replace(road, as_of=AS_OF + timedelta(hours=hours)))
    listing.deliver(replace(road, as_of=AS_OF - timedelta(hours=1), edition="pulse"))
    listing.deliver(replace(road, as_of=AS_OF - timedelta(minutes=5)), is_sent=False)
    assert listing.earlier(road) == [AS_OF - timedelta(hours=2)]
    assert road.warehouse.read("deliveries").filter(pl.col("is_sent").not_()).height == 1
