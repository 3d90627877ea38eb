"""The features of a GeoJSON file, one after the other: the file may be larger than the memory.

Only the json module of the standard library looks at the text; nothing in it is executed, and no single value may be
longer than ``MAX_VALUE_CHARACTERS``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from napari_metime.errors import CellTableError, MissingFileError

MAX_JSON_BYTES = 8_000_000_000
MAX_VALUE_CHARACTERS = 200_000_000
CHUNK_CHARACTERS = 4_000_000
_BLANKS = re.compile(r"[ \t\n\r]*")
_GEOMETRIES = frozenset(
    ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")
)


def iterate_features(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the features of a FeatureCollection, of a list, a single Feature, or a bare geometry as a Feature.

    Raises
    ------
    MissingFileError
        The file is not there or cannot be read.
    CellTableError
        It is no GeoJSON: broken, cut off, not UTF-8, nested too deeply, or a feature is no object.
    """
    try:
        size = path.stat().st_size
        if size > MAX_JSON_BYTES:
            raise CellTableError(
                f"{path.name}: expected GeoJSON of at most {MAX_JSON_BYTES / 1e9:.0f} GB, found {size / 1e9:.1f} GB; "
                "export the cells without measurements"
            )
        with path.open(encoding="utf-8-sig") as file:
            for n, feature in enumerate(_features(_JsonText(file)), start=1):
                if not isinstance(feature, dict):
                    raise CellTableError(
                        f"{path.name}: expected GeoJSON features, found {str(feature)!r:.40} as number {n}; "
                        "export the cells again"
                    )
                yield feature
    except OSError as error:
        raise MissingFileError(
            f"expected cells at {path}, found {error.strerror or error}; check cells.path"
        ) from error
    except RecursionError as error:
        raise CellTableError(
            f"{path.name}: expected GeoJSON, found values nested too deeply to be cells; export the cells again"
        ) from error
    except ValueError as error:
        if isinstance(error, CellTableError):
            raise
        raise CellTableError(
            f"{path.name}: expected GeoJSON, found it broken or cut off ({error!s:.120}); export the cells again"
        ) from error


class _JsonText:
    """A JSON text that is read a chunk at a time."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._decoder = json.JSONDecoder()
        self._buffer, self._at, self._is_whole = "", 0, False

    def peek(self) -> str:
        """Return the next character that is no blank; empty at the end."""
        while True:
            match = _BLANKS.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer) or self._is_whole:
                return self._buffer[self._at : self._at + 1]
            self._read_on(CHUNK_CHARACTERS)

    def take(self, *expected: str) -> str:
        """Return the next character, which must be one of these."""
        found = self.peek()
        if found not in expected or not found:
            raise ValueError(f"{found!r} in the place of {' or '.join(expected)}")
        self._at += 1
        return found

    def value(self) -> Any:
        """Return the next value."""
        self.peek()
        n_more = CHUNK_CHARACTERS
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError:
                if self._is_whole:
                    raise
            else:
                if end < len(self._buffer) or self._is_whole:  # a number may go on in the next chunk
                    self._at = end
                    return value
            if len(self._buffer) - self._at > MAX_VALUE_CHARACTERS:
                raise ValueError(f"a value of more than {MAX_VALUE_CHARACTERS:,} characters, or a broken one")
            self._read_on(n_more)
            n_more *= 2

    def items(self) -> Iterator[Any]:
        """Yield the values of the array that comes next."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        yield self.value()
        while self.take(",", "]") == ",":
            yield self.value()

    def keys(self) -> Iterator[str]:
        """Yield the keys of the object that comes next; the caller takes the value of each."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            key = self.value() if self.peek() == '"' else self.take('"')
            self.take(":")
            yield key
            if self.take(",", "}") == "}":
                return

    def _read_on(self, n_characters: int) -> None:
        more = self._file.read(n_characters)
        self._buffer, self._at = self._buffer[self._at :] + more, 0
        self._is_whole = not more


def _features(text: _JsonText) -> Iterator[Any]:
    if text.peek() == "[":
        yield from text.items()
    else:
        top: dict[str, Any] = {}
        for key in text.keys():  # noqa: SIM118 (no mapping: the keys are read from the file)
            if key == "features" and text.peek() == "[":
                yield from text.items()
            else:
                top[key] = text.value()
        if top.get("type") == "Feature":
            yield top
        elif top.get("type") in _GEOMETRIES:
            yield {"type": "Feature", "geometry": top}
    if text.peek():
        raise ValueError("text after the end")
