"""The doctor names what is wrong and what to do; each check is made to fail here on purpose. Loopback only."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flows import doctor
from warehouse.settings import PROJECT, Settings

DRILL = PROJECT / "conf" / "drill"


@contextmanager
def site(status: int = 200, body: str = "") -> Iterator[int]:
    """A loopback site that gives one answer to everything; yields its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_check_runs_and_what_is_not_well_says_how_to_mend_it(tmp_path: Path) -> None:
    checks = doctor.doctor(Settings(conf=DRILL, root=tmp_path / "not" / "yet"))
    assert {"Python", "packages", "disk", "data folder", "port 4200", "port 8080", "clock", "model files", "hospitals.yml"} <= {
        c.name for c in checks
    }
    for check in checks:
        assert check.status == "ok" or check.fix, check
        assert "\n" not in check.detail + check.fix
    assert {c.name: c.status for c in checks if c.name in ("Python", "clock", "hospitals.yml", "sources.yml", "playbook.yml")} == {
        "Python": "ok", "clock": "ok", "hospitals.yml": "ok", "sources.yml": "ok", "playbook.yml": "ok",
    }  # fmt: skip
    assert not (tmp_path / "not").exists()  # looking changes nothing


def test_packages_against_pins(tmp_path: Path) -> None:
    import polars

    pins = tmp_path / "constraints.txt"
    pins.write_text(f"# pins\npolars=={polars.__version__}\nno-such-package==1.0\n")
    assert doctor.packages(pins).status == "ok"
    pins.write_text("polars==0.0.1\n")
    check = doctor.packages(pins)
    assert check.status == "warn"
    assert f"polars {polars.__version__} (==0.0.1)" in check.detail
    assert doctor.packages(tmp_path / "none.txt").status == "warn"


def test_a_package_that_is_missing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["polars", "no-such-package", 'other-one; extra == "train"'])
    check = doctor.packages(tmp_path)
    assert (check.status, check.detail) == ("fail", "missing: no-such-package")


def test_a_full_disk_warns(tmp_path: Path) -> None:
    assert doctor.disk(tmp_path, room=2**60).status == "warn"
    assert doctor.disk(tmp_path, room=1).status == "ok"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    assert doctor.write_access(tmp_path / "new").status == "ok"
    check = doctor.write_access(Path("/proc/1/guanchao"))  # nobody writes there, root neither
    assert check.status == "fail"
    assert "GUANCHAO_ROOT" in check.fix


def test_a_port_is_free_ours_or_somebody_elses() -> None:
    number = free_port()
    assert doctor.port(number, "the desk", "/", "观潮".encode()).detail == "free for the desk"
    with site(body="<title>观潮</title>") as number:
        assert doctor.port(number, "the desk", "/", "观潮".encode()).detail == "the desk answers there"
    with site(body="<title>Jenkins</title>") as number:
        check = doctor.port(number, "the desk", "/", "观潮".encode())
        assert (check.status, str(number) in check.fix) == ("warn", True)
    with socket.socket() as mute:  # listens, says nothing that is HTTP
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        threading.Thread(target=lambda: [mute.accept()[0].sendall(b"SSH-2.0-x\r\n") for _ in range(2)], daemon=True).start()
        assert doctor.port(mute.getsockname()[1], "the desk", "/", b"x").status == "warn"


def test_no_chinese_fonts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "fc-list"
    fake.write_text("#!/bin/sh\nexit 0\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (doctor.fonts().status, "fonts-noto-cjk" in doctor.fonts().fix) == ("warn", True)
    assert doctor.browser().status == "warn"
    fake.write_text("#!/bin/sh\necho 'Noto Sans CJK SC,思源黑体'\n")
    assert (doctor.fonts().status, doctor.fonts().detail) == ("ok", "1: Noto Sans CJK SC")


def test_a_clock_behind_the_package(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.py").touch()
    os.utime(tmp_path / "flows" / "a.py", (1_800_000_000, 1_800_000_000))  # 2027-01-15
    assert doctor.clock(tmp_path, datetime(2026, 6, 1, tzinfo=UTC)).status == "fail"
    assert doctor.clock(tmp_path, datetime(2027, 6, 1, tzinfo=UTC)).status == "ok"
    assert doctor.clock(tmp_path / "empty", datetime(2025, 6, 1, tzinfo=UTC)).status == "fail"


def test_model_files_against_their_sums(tmp_path: Path) -> None:
    assert doctor.weights(tmp_path).status == "fail"
    (tmp_path / "int8").mkdir()
    (tmp_path / "int8" / "model.bin").write_bytes(b"weights")
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(b'weights').hexdigest()}  int8/model.bin\n")
    assert doctor.weights(tmp_path).status == "ok"
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)
    (tmp_path / "int8" / "model.bin").write_bytes(b"other")
    assert doctor.weights(tmp_path).detail == "int8/model.bin differs"
    (tmp_path / "int8" / "model.bin").unlink()
    assert doctor.weights(tmp_path).detail == "int8/model.bin is missing"


def test_a_conf_file_that_is_wrong(tmp_path: Path) -> None:
    shutil.copytree(DRILL, tmp_path / "conf")
    (tmp_path / "conf" / "hospitals.yml").write_text("scope: none\n")
    (tmp_path / "conf" / "sources.yml").unlink()
    checks = {check.name: check for check in doctor.conf_files(Settings(conf=tmp_path / "conf", root=tmp_path))}
    assert checks["hospitals.yml"].status == "fail"
    assert "scope" in checks["hospitals.yml"].detail
    assert checks["sources.yml"].status == "fail"
    assert checks["playbook.yml"].status == "ok"


def test_sources_are_asked_for_robots_only_and_once_a_site() -> None:
    with site(status=404) as there:
        gone = free_port()
        urls = [f"http://127.0.0.1:{there}/a?b", f"http://127.0.0.1:{there}/c", f"http://127.0.0.1:{gone}/", "{replica}/feed"]
        checks = {check.name: check for check in doctor.sources(urls, timeout_s=1)}
    assert set(checks) == {f"http://127.0.0.1:{there}", f"http://127.0.0.1:{gone}"}
    assert (checks[f"http://127.0.0.1:{there}"].status, checks[f"http://127.0.0.1:{there}"].detail) == ("ok", "answers 404")
    assert (checks[f"http://127.0.0.1:{gone}"].status, "Connection refused" in checks[f"http://127.0.0.1:{gone}"].detail) == ("warn", True)
