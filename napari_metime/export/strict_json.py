"""JSON that every reader accepts: no NaN, no infinity, plain numbers; and small files of it that may be damaged."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return ``value`` as JSON; what is not a finite number becomes null."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent) + "\n"


def read_small_json(path: Path, max_bytes: int) -> Any:
    """Return what stands in a JSON file; None where it is absent, damaged, or longer than ``max_bytes``."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return None
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
        return json.loads(content) if len(content) <= max_bytes else None
    except (OSError, ValueError, RecursionError):
        return None


def plain(value: Any) -> Any:
    """Return ``value`` made of what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
