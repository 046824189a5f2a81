"""The examples of docs/lineage.md, followed to the letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app


def test_the_example_of_lineage_md_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its two rows, its ids and what it says of list, show, release and drop."""

    page = (Path(__file__).parent.parent / "docs" / "lineage.md").read_text(encoding="utf-8")
    example = page[page.index("$ cat > evening.csv") :]
    rows = example[example.index("\n") + 1 : example.index("\nE\n") + 1]
    (tmp_path / "evening.csv").write_text(rows, encoding="utf-8")
    monkeypatch.setenv("GUANCHAO_ROOT", str(tmp_path / "root"))

    def say(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*words], catch_exceptions=False, env={"COLUMNS": "200"})
        assert done.exit_code == code, done.output
        return done.output

    say("import", str(tmp_path / "evening.csv"), "--conf", "conf/drill")
    ids = re.findall(r"^│ ([0-9a-f]{16}) ", example, re.MULTILINE)
    assert len(ids) == 2
    listed = say("quarantine", "list", "--rows")
    assert all(one in listed for one in ids)
    assert f"quarantine show {ids[1]}" in example
    assert "mojibake" in say("quarantine", "show", ids[1])
    still = say("quarantine", "release", "--reason", "mojibake", "--source", "import:evening", "--why", "rule mended", code=1)
    let_in = say("quarantine", "release", ids[1], "--override", "--why", "read it")
    written_off = say("quarantine", "drop", "--reason", "mojibake", "--why", "looked at: noise")
    for said in (still, let_in, written_off):
        assert said.strip() in example
