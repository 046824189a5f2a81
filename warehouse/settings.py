"""Where things are and what secrets are called. Read from the environment and conf/settings.yml; nothing happens on import.

Environment wins over the file; names are GUANCHAO_ROOT, GUANCHAO_DRILL, …
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, PositiveInt, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

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


LONGEST_DAYS = 36_500


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
    # table -> days its rows are kept, where not as warehouse/schema.py says; null: for good. In the environment as JSON
    keep_days: Annotated[dict[str, int | None], NoDecode] = {}
    name: str = "观潮"
    drill: bool = False
    scenario: str | None = None
    as_of: str | None = None  # a drill's own instant; in life a run looks back from now
    event_window_days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] = 30
    list_days: int = 2
    crawl_shard: Annotated[str, Field(pattern=r"^[1-9]\d*/[1-9]\d*$")] = "1/1"  # this worker's part of the sources: the 2nd of 3 is 2/3
    crawl_processes: PositiveInt = 4  # sources asked at the same time, each on hosts of its own
    screenshots: bool = False  # the daily run shoots the pages of the posts that carry its warnings (docs/evidence.md)
    task_runner: Literal["threads", "ray"] = "threads"  # who reads years of posts again (guanchao backscore)
    cluster: str | None = None  # address of a Ray cluster; none: Ray on this machine
    author_secret: SecretStr = SecretStr("")

    @field_validator("keep_days", mode="before")
    @classmethod
    def _tables_and_whole_days(cls, said: Any) -> Any:
        """Said wrong, a number here deletes rows, so nothing is guessed: no text, no yes for 1, no table that nobody knows."""
        from warehouse.schema import TABLES

        try:
            read = json.loads(said) if isinstance(said, str) else said
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise ValueError(f'{said!r}: write table: days, in the environment as JSON like {{"posts": 365}}')
        for table, days in read.items():
            if table not in TABLES:
                raise ValueError(f"{table}: no such table; known: {', '.join(TABLES)}")
            if days is not None and (type(days) is not int or not 1 <= days <= LONGEST_DAYS):
                raise ValueError(f"{table}: {days!r}: whole days from 1 to {LONGEST_DAYS}, or null for good")
            if table == "erasures" and days is not None:
                raise ValueError(f"{table}: {days!r}: null alone, for good: what was erased would come back with the next crawl")
        return read

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
    except SettingsError as problem:
        raise ConfigProblem(f"environment: {problem}") from problem
    except ValidationError as problem:
        name, _, said_of_it = _sentence(problem).partition(": ")
        raise ConfigProblem(f"environment: GUANCHAO_{name.upper()}: {said_of_it}") from problem
    try:
        settings = Settings(**{**(said or {}), **from_environment, **overrides, "conf": conf})
    except ValidationError as problem:
        raise ConfigProblem(f"{path}: {_sentence(problem)}") from problem
    if wrong := _too_short(settings):
        where = "environment" if {"keep_days", "event_window_days"} & from_environment.keys() else path
        raise ConfigProblem(f"{where}: {wrong}")
    return settings


def _sentence(problem: ValidationError) -> str:
    """The first thing wrong: which setting, what it says, what is allowed; never the value of a secret or of an unknown name."""
    first = problem.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"{name}: {first['msg']}; known: {', '.join(Settings.model_fields)}"
    told = "" if first["type"] == "value_error" or name == "author_secret" else f"{first['input']!r}: "
    return f"{name}: {told}{first['msg'].removeprefix('Value error, ')}"


def _too_short(settings: Settings) -> str:
    """The first table whose rows would go while the road still reads them: forecasts that end today and the event window before them."""
    from warehouse.schema import COLUMNS, TABLES

    longest = int(COLUMNS["horizon_h"].high or 0) // 24
    least = settings.event_window_days + longest
    for table, known in TABLES.items():
        days = settings.keep_days.get(table, known.keep_days)
        if days is not None and days < least:
            return (
                f"keep_days: {table}: {days}: whole days from {least} (event_window_days {settings.event_window_days} "
                f"and {longest} of the longest forecast) to {LONGEST_DAYS}, or null for good"
            )
    return ""
