"""Where things are and what secrets are called. Read from the environment and conf/settings.yml; nothing happens on import.

Environment wins over the file; names are GUANCHAO_ROOT, GUANCHAO_DRILL, …
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent

OFF_SWITCHES = {  # no library of ours calls home; each name is documented by its library (docs/operations.md)
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "OPENVINO_TELEMETRY": "0",
}


class ConfigProblem(Exception):
    """A file people edit is wrong; the message names file, place and fix."""


def read_yaml(path: Path) -> Any:
    """What a conf file says; ConfigProblem if it is not there (with the template to copy) or not YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as problem:
        raise ConfigProblem(f"{path}: missing; copy conf/hospital/{path.name} and put your own in it") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise ConfigProblem(f"{path}: not readable YAML: {problem}") from problem


class Settings(BaseSettings):
    """One hospital's (or one authority's) platform."""

    model_config = SettingsConfigDict(env_prefix="GUANCHAO_", extra="forbid")

    conf: Path = PROJECT / "conf" / "drill"
    root: Path = Path("data/drill")
    storage: str | None = Field(default=None, pattern=r"^s3://[^/]+/.+")  # s3://bucket/prefix: the tables there instead of under root
    keep_days: dict[str, int | None] = {}  # table -> days its rows are kept, where not as warehouse/schema.py says; null: for good
    name: str = "观潮"
    drill: bool = False
    scenario: str | None = None
    as_of: str | None = None  # a drill's own instant; in life a run looks back from now
    event_window_days: int = 30
    list_days: int = 2
    crawl_shard: Annotated[str, Field(pattern=r"^[1-9]\d*/[1-9]\d*$")] = "1/1"  # this worker's part of the sources: the 2nd of 3 is 2/3
    crawl_processes: PositiveInt = 4  # sources asked at the same time, each on hosts of its own
    screenshots: bool = False  # the daily run shoots the pages of the posts that carry its warnings (docs/evidence.md)
    task_runner: Literal["threads", "ray"] = "threads"  # who reads years of posts again (guanchao backscore)
    cluster: str | None = None  # address of a Ray cluster; none: Ray on this machine
    author_secret: SecretStr = SecretStr("")

    @property
    def warehouse(self) -> Path:
        """Where the tables lie; a bucket's address as a Path (warehouse/storage.py reads it back)."""
        return Path(self.storage) if self.storage else self.root / "warehouse"

    @property
    def archive(self) -> Path:
        """WARC files, by run and source: the sites' bytes as they came, readable by the owner alone."""
        return self.root / "archive"

    @property
    def published(self) -> Path:
        return self.root / "published"


def load_settings(conf: Path, **overrides: Any) -> Settings:
    """Settings of a conf folder: keyword > environment > conf/settings.yml > default."""
    path = conf / "settings.yml"
    if not conf.is_dir():
        raise ConfigProblem(f"{conf}: 没有这个配置目录 / no such conf folder; copy conf/hospital and edit it")
    said = read_yaml(path) if path.exists() else {}
    if not isinstance(said, dict | None):
        raise ConfigProblem(f"{path}: expected `name: value` lines")
    try:
        from_environment = Settings().model_dump(exclude_unset=True)
        return Settings(**{**(said or {}), **from_environment, **overrides, "conf": conf})
    except ValidationError as problem:
        first = problem.errors()[0]
        raise ConfigProblem(
            f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; known: {', '.join(Settings.model_fields)}"
        ) from problem
