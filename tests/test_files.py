"""`guanchao score FILE --out FILE`: formats, faults in one line, and a killed run goes on where it stopped. Files are constructed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from models.classifier.files import Remembering, score_file
from models.classifier.score import Classifier
from models.classifier.texts import Source
from warehouse.settings import PROJECT, ConfigProblem
from warehouse.vocabulary import CATEGORIES, SENTIMENTS

TEXTS = ["医院排队太久，态度差", "感谢医生救命之恩", "医院回应\n患儿死亡", "今天天气不错", '他说"太贵了", 真的'] * 3
PEAK = """
import resource, sys
from pathlib import Path
from models.classifier.files import score_file
score_file(Path(sys.argv[1]), Path(sys.argv[2]), "f32", part_rows=int(sys.argv[3]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def scored(source: Path, out: Path, part_rows: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PEAK, str(source), str(out), str(part_rows)], cwd=PROJECT, text=True, stdout=subprocess.PIPE
    )


@pytest.fixture
def frame() -> pl.DataFrame:
    return pl.DataFrame({"id": [f"p{i}" for i in range(len(TEXTS))], "source": "x", "text": TEXTS})


def write(frame: pl.DataFrame, path: Path) -> Path:
    {".csv": frame.write_csv, ".jsonl": frame.write_ndjson, ".parquet": frame.write_parquet}[path.suffix](path)
    return path


def read(path: Path) -> pl.DataFrame:
    return {".csv": pl.read_csv, ".jsonl": pl.read_ndjson, ".parquet": pl.read_parquet}[path.suffix](path)


@pytest.mark.parametrize(("suffix", "other"), [(".csv", ".jsonl"), (".jsonl", ".parquet"), (".parquet", ".csv")])
def test_every_format_in_and_out_says_the_same(frame: pl.DataFrame, tmp_path: Path, suffix: str, other: str) -> None:
    out = tmp_path / f"out{other}"
    assert score_file(write(frame, tmp_path / f"in{suffix}"), out, "f32", part_rows=4) == len(TEXTS)
    found = read(out)
    sentiments, categories = [f"{name}_p" for name in SENTIMENTS], [f"{name}_p" for name in CATEGORIES]
    assert found.columns == ["id", "relevant_p", "relevant", "sentiment", *sentiments, "category", *categories]
    assert found["id"].to_list() == frame["id"].to_list()
    relevant, sentiment, category = Classifier.load().probabilities(TEXTS)
    assert found["relevant_p"].to_list() == pytest.approx(relevant[:, 1].tolist(), abs=6e-5)
    assert found.select(sentiments).to_numpy() == pytest.approx(sentiment, abs=6e-5)
    assert found["category"].to_list() == [list(CATEGORIES)[i] for i in category.argmax(1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"in{suffix}", f"out{other}"])


def test_without_an_id_rows_are_numbered_through_all_parts(frame: pl.DataFrame, tmp_path: Path) -> None:
    for suffix in (".csv", ".parquet"):
        score_file(write(frame.drop("id"), tmp_path / f"in{suffix}"), tmp_path / "out.parquet", "f32", part_rows=4)
        assert read(tmp_path / "out.parquet")["id"].to_list() == list(range(1, len(TEXTS) + 1))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_excels_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "in.csv").write_text('编号,正文\n1,"医院,排队"\n\n2\n', encoding=encoding)
    rows = [(key, text) for key, text, _ in Source.open(tmp_path / "in.csv").rows()]
    assert rows == [(1, "医院,排队"), (2, "")]


def test_json_rows_need_not_agree(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": 7, "text": "a"}\n\n{"text": null, "id": "x\\ud83d"}\n{"other": 1}\n', encoding="utf-8")
    assert [(key, text) for key, text, _ in Source.open(tmp_path / "in.jsonl").rows()] == [("7", "a"), ("x?", ""), ("", "")]


BAD: list[tuple[str, bytes | None, str]] = [
    ("a.csv", None, "no such file"),
    ("a.xlsx", b"PK", r"reads \.csv"),
    ("a.csv", b"", "empty"),
    ("a.csv", b"\n \n", "no text column"),
    ("a.csv", b"\n\n", "no rows"),
    ("a.csv", b"who,what\n1,2\n", "no text column .* who, what; name it with --column"),
    ("a.csv", b"text,n\n\xff\xff\xff,1\n", "neither UTF-8 nor GB18030"),
    ("a.csv", "text\n医院\n".encode("utf-16"), "UTF-16"),
    ("a.csv", b"id,text\n1,ok\n2,so,bad\n", "line 3: 3 cells where the header names 2"),
    ("a.csv", b'id,text\n1,"never closed\n2,x\n', "line 3: .*quote"),
    ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2: not JSON"),
    ("a.jsonl", b'[{"text": "a"}]\n', "line 1: not an object"),
    ("a.jsonl", b"\n", "no rows"),
    ("a.parquet", b"PAR1 torn", "not readable as Parquet"),
]


@pytest.mark.parametrize(("name", "body", "said"), BAD)
def test_a_fault_is_one_clear_line(tmp_path: Path, name: str, body: bytes | None, said: str) -> None:
    if body is not None:
        (tmp_path / name).write_bytes(body)
    with pytest.raises(ConfigProblem, match=said) as problem:
        score_file(tmp_path / name, tmp_path / "out.csv", "f32")
    assert "\n" not in str(problem.value)
    assert not (tmp_path / "out.csv").exists()


def test_what_is_written_is_looked_at_first(frame: pl.DataFrame, tmp_path: Path) -> None:
    source = write(frame, tmp_path / "in.csv")
    for out, said in ((tmp_path / "out.xlsx", "writes"), (source, "the file that is read")):
        with pytest.raises(ConfigProblem, match=said):
            score_file(source, out)
    assert source.read_text(encoding="utf-8") == frame.write_csv()


def test_a_header_alone_is_a_table_of_no_rows(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n", encoding="utf-8")
    assert score_file(tmp_path / "in.csv", tmp_path / "out.csv", "f32") == 0
    assert read(tmp_path / "out.csv").columns[:2] == ["id", "relevant_p"]


def test_a_repeat_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.classifier.files.REMEMBERED", 3)
    classifier, read_n = Classifier.load(), []
    real = classifier.probabilities
    monkeypatch.setattr(classifier, "probabilities", lambda texts: (read_n.append(len(texts)), real(texts))[1])
    remembering = Remembering(classifier)
    first = remembering.probabilities(["甲", "乙", "甲"])
    assert (remembering.probabilities(["乙", "丙"])[0] == first[1]).all()
    assert read_n == [2, 1]
    remembering.probabilities(["丁", "甲"])  # 甲 is known still, and is the one let go
    assert read_n == [2, 1, 1]
    assert len(remembering.known) == 3


def test_killed_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": f"第{i}位患者投诉医院收费"}) + "\n" for i in range(200)), encoding="utf-8")
    score_file(source, tmp_path / "whole.csv", "f32", part_rows=10)
    out, parts = tmp_path / "out.csv", tmp_path / ".out.csv.parts"
    running = scored(source, out, 10)
    while len(list(parts.glob("*.parquet"))) < 3:
        assert running.poll() is None
        time.sleep(0.005)
    running.kill()
    running.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.parquet")}
    assert 3 <= len(kept) < 20
    assert not out.exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.classifier.files.shutil.rmtree", lambda folder: None)  # the parts stay to be looked at
        assert score_file(source, out, "f32", part_rows=10) == 200
    assert {name: (parts / name).stat().st_mtime_ns for name in kept} == kept
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_parts_of_another_input_are_not_taken(tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\n医院收费高\n医院态度差\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.classifier.files.shutil.rmtree", lambda folder: None)
        score_file(source, out, "f32", part_rows=1)
    source.write_text("text\n感谢医生\n", encoding="utf-8")
    assert score_file(source, out, "f32", part_rows=1) == 1
    assert read(out)["sentiment"].to_list() == ["positive"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Thirty times the rows, the same texts again (as reposts are): the peak may not follow."""
    peaks = []
    for n in (20_000, 600_000):
        source = tmp_path / f"{n}.csv"
        with source.open("w", encoding="utf-8") as stream:
            stream.write("id,text\n")
            stream.writelines(f"{i},第{i % 40}位患者投诉医院乱收费{'，等了很久' * 20}\n" for i in range(n))
        running = scored(source, tmp_path / "out.csv", 5_000)
        said, _ = running.communicate()
        assert running.returncode == 0
        peaks.append(int(said))
    assert peaks[1] < peaks[0] + 100, peaks  # MiB; the larger file has 190
