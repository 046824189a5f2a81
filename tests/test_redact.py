"""Personal data is found and look-alikes stay: measured on constructed sentences (crawlers/redaction_set), and what holds for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.bench.redaction_set import build, measure
from crawlers.redact import personal_spans, redact


@pytest.mark.parametrize("part", ["tuning", "held_out"])
def test_the_exam_is_the_same_every_time_and_its_spans_are_what_was_put_in(part: str) -> None:
    samples = build(part)
    assert samples == build(part)
    for sample in samples:
        assert list(sample.spans) == sorted(sample.spans)
        for start, end, _ in sample.spans:
            assert sample.text[start:end].strip() == sample.text[start:end] != ""


def test_the_exam_is_large_has_every_kind_and_look_alikes() -> None:
    samples = [*build("tuning"), *build("held_out")]
    kinds = {kind for sample in samples for _, _, kind in sample.spans}
    assert len({sample.text for sample in samples}) >= 2_000
    assert kinds == {"mobile", "landline", "id_card", "old_id", "bank", "plate", "mail", "wechat", "qq", "patient"}
    assert sum(not sample.spans for sample in samples) >= 500


@pytest.mark.parametrize("part", ["tuning", "held_out"])
def test_precision_and_recall(part: str) -> None:
    told = measure(part)
    assert told["precision"] >= 0.99, told
    assert told["recall"] >= 0.98, told


def test_a_measure_that_misses_or_invents_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawlers.bench.redaction_set.personal_spans", lambda text: [(0, 2)])
    assert measure("held_out")["precision"] < 0.1
    monkeypatch.setattr("crawlers.bench.redaction_set.personal_spans", lambda text: [])
    assert measure("held_out")["recall"] == 0.0


MASKED = [
    ("电话 138 0013 8000", "电话 1** **** ****"),
    ("电话1 3 8 0 0 1 3 8 0 0 0", "电话1 * * * * * * * * * *"),
    ("008613800138000", "0************00"[:1] + "*" * 14),
    ("家里座机0571-8888-6666", "家里座机0***-****-****"),
    ("服务热线13800138000", "服务热线1**********"),  # a mobile is a person's wherever it stands
    ("投诉人电话0571-88886666", "投诉人电话0***-********"),
    ("浙a12345", "浙******"),
    ("病历号（0012345）", "病历号（0******）"),
    ("加微：lanhu_88", "加微：l****_**"),
    ("身份证330106199003071230写错了", "身份证3" + "*" * 17 + "写错了"),  # wrong check digit, but said to be one
]
KEPT = [
    "医院服务热线：0571-88886666",
    "市商务局（0714-6288651/6288807）",
    "总机0571-88886666、0571-88886667",
    "回复说投诉号17390396995已结案",
    "我是13812345678订单的买家",
    "关注微信公众号lanhu_yiyuan",
    "浙ICP备12345678号-1",
    "做了新B超12345",
    "13812345678元",
    "appver=14.7.1_qqnews_7",
    "电话138****5678已核实",
    "1 2 3 4 5 6 7 8 9 10 11 12",
]


@pytest.mark.parametrize(("said", "expected"), MASKED)
def test_further_forms_are_masked(said: str, expected: str) -> None:
    assert redact(said) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize("said", KEPT)
def test_further_look_alikes_are_kept(said: str) -> None:
    assert redact(said) == said


PIECES = "电话 微信 QQ 号 身份证 住院号 银行卡 订单 热线 13812345678 0571-88886666 浙A12345 a_b@c.cn abc_123 1 3 8 - . ： （ ） + 86 https://x.cn/"
pieces = st.sampled_from(PIECES.split())


@given(text=st.one_of(st.text(max_size=200), st.lists(pieces, max_size=20).map("".join), st.lists(pieces, max_size=20).map(" ".join)))
def test_any_text_keeps_its_length_and_all_but_its_personal_data(text: str) -> None:
    masked, spans = redact(text), personal_spans(text)
    assert len(masked) == len(text)
    inside = {n for start, end in spans for n in range(start + 1, end)}
    assert all(a == b or n in inside for n, (a, b) in enumerate(zip(text, masked, strict=True)))
    assert not any(masked[n].isalnum() for n in inside)
