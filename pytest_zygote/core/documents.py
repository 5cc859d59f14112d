"""Files of ours that another machine has written: JSON, with the name and version of its format at the top."""

from __future__ import annotations

import json


def read_document(text: str, kind: str, version: int, written_by: str) -> dict[str, object]:
    """Return what a file holds; nothing in it but its format has been looked at.

    Args:
        text: of the file.
        kind: name of the format.
        version: of the format, which must be the same.
        written_by: the option that writes such files.

    Raises:
        ValueError: it is no such file; the text says why, for the user.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"it is no JSON ({error})"
        raise ValueError(message) from error
    if not isinstance(found, dict) or found.get("format") != kind:
        message = f"it was not written by {written_by}"
        raise ValueError(message)
    if found.get("version") != version:
        message = f"it has version {found.get('version')!r} of the format, and this is {version}"
        raise ValueError(message)
    return found
