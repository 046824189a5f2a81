"""The road killed and out of disk at random moments, then simply run again: the short form of `guanchao bench faults`."""

from __future__ import annotations

import pytest

from flows.bench_faults import bench


@pytest.mark.slow
def test_killed_or_out_of_disk_and_run_again_the_tables_are_those_of_an_undisturbed_run() -> None:
    figures = bench(full=False)
    judged = {name: figure["met"] for name, figure in figures.items() if figure["bar"]}
    assert {name for name in judged if name.startswith("kill_")} == {
        f"kill_{what}" for what in ("lost", "doubled", "unreadable", "different")
    }
    assert all(met is not False for met in judged.values()), [figure["how"] for figure in figures.values() if figure["met"] is False]
    assert all(judged[name] for name in judged if name.startswith("kill_"))
