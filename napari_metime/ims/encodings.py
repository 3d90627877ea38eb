"""Files in two bytes a character, as the text in one that the reader works on."""

from __future__ import annotations

import codecs
import tempfile
from pathlib import Path
from typing import IO

from napari_metime.errors import ImzMLError, MissingFileError

PIECE_BYTES = 1 << 16
_PACKED = {b"\x1f\x8b": "gzip", b"PK": "zip"}
"""What packed files start with."""


def open_text(path: Path) -> tuple[IO[bytes], bool]:
    """Open an imzML as bytes in which ASCII stands for itself: a UTF-16 file is written to a temporary one as UTF-8.

    Returns
    -------
    file : binary file, to be closed by the caller
    transcoded : whether it is the temporary one
    """
    try:
        file = path.open("rb")
        start = file.read(4)
        codec = _wide_codec(start)
        if start[:2] in _PACKED:
            file.close()
            raise ImzMLError(f"expected XML in {path.name}, found a {_PACKED[start[:2]]} file; unpack it first")
        file.seek(0)
        if codec is None:
            return file, False
        with file:
            return _transcode(file, codec, path.name), True
    except OSError as error:
        raise MissingFileError(
            f"expected to read {path}, found: {error.strerror or error}; check its permissions"
        ) from error


def _wide_codec(start: bytes) -> str | None:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark, the first two characters tell: they are ASCII in any XML.
    return {b"x0x0": "utf-16-le", b"0x0x": "utf-16-be"}.get(bytes(b"x"[0] if byte else b"0"[0] for byte in start))


def _transcode(file: IO[bytes], codec: str, name: str) -> IO[bytes]:
    """Copy a file to a temporary one as UTF-8, piece by piece."""
    decoder = codecs.getincrementaldecoder(codec)()
    copy = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        while piece := file.read(PIECE_BYTES):
            copy.write(decoder.decode(piece).encode("utf-8"))
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        copy.close()
        raise ImzMLError(f"expected UTF-16 text in {name}, found other bytes ({error}); export it again") from error
    except OSError:
        copy.close()
        raise
    copy.seek(0)
    return copy
