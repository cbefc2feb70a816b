"""A shot as the body of a request, or as a part of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

from pydantic import PlainValidator

from stcolor_core.errors import BadRequest
from stcolor_core.service.texts import is_plain
from stcolor_core.shots.shot import Shot

__all__ = ["ShotBody"]


def _parse_shot(data: object) -> Shot:
    if isinstance(data, bytes):  # a body that does not say it is JSON
        raise BadRequest("The body is not JSON. Send a shot as application/json.")
    for text in _strings(data):
        if not is_plain(text):
            raise BadRequest(f"{text[:200]!a} contains a control character or half a surrogate pair. Remove it.")
    try:
        return Shot.from_json(json.dumps(data))
    except OverflowError:
        raise BadRequest("A number in the shot is too large for any setting. Correct it.") from None


def _strings(data: object) -> Iterator[str]:
    """Yield every string in parsed JSON but the keys, which a shot checks against its own."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, (dict, list)):
        for value in data.values() if isinstance(data, dict) else data:
            yield from _strings(value)


ShotBody = Annotated[Shot, PlainValidator(_parse_shot, json_schema_input_type=Shot)]
