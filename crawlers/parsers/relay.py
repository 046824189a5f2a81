"""The envelope of the commercial relay TikHub around a platform's own body. Its `params` say what was asked: whose comments these are."""

from __future__ import annotations

from typing import Any, NamedTuple

from crawlers.parsers.payload import find, refused, words


class Relayed(NamedTuple):
    """`body` is the platform's own JSON; `params` what the relay was asked, empty where there was no relay."""

    body: Any
    params: dict[str, Any]


def unwrap(answer: Any) -> Relayed:
    """The platform's body with or without the envelope. NoReading(error …) for what the relay itself refuses."""
    if not isinstance(answer, dict):
        return Relayed(answer, {})
    if isinstance(answer.get("detail"), dict) and "router" in answer["detail"]:
        answer = answer["detail"]
    if "router" not in answer or "code" not in answer:
        return Relayed(answer, {})
    if answer["code"] != 200:
        raise refused(f"relay: {words(find(answer, 'message_zh', 'message'))} ({answer['code']})")
    params = answer.get("params")
    return Relayed(answer.get("data"), params if isinstance(params, dict) else {})
