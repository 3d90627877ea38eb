"""Which compressions of TIFF are read, and how large a compressed image says that it is."""

from __future__ import annotations

import struct

LOSSLESS = {1, 5, 8, 32773, 32946, 34925, 34926, 50000}
"""None, LZW, zlib, PackBits, zlib, LZMA, ZSTD, ZSTD: they fill a given number of bytes, whatever they hold."""
JPEG = {6, 7, 33007, 34892}
JPEG_2000 = {33003, 33004, 33005, 34712}
IS_READ = LOSSLESS | JPEG | JPEG_2000
"""Others say within what size they have, in ways of their own: 100 bytes may ask for terabytes."""


def declared_size(data: bytes) -> tuple[int, int]:
    """Return the height and width that a JPEG or JPEG 2000 stream declares, before it is decoded.

    Raises
    ------
    ValueError
        It declares none.

    Notes
    -----
    JPEG: ITU-T T.81, B.2.2 (frame header); JPEG 2000: ITU-T T.800, A.5.1 (SIZ marker).
    """
    at = data.find(b"\xff\x4f\xff\x51")
    if at >= 0 and not data.startswith(b"\xff\xd8"):
        right, bottom, left, top = struct.unpack_from(">4I", _enough(data, at + 8, 16), at + 8)
        return bottom - top, right - left
    at = 2
    while data.startswith(b"\xff\xd8") and at + 9 <= len(data):
        if data[at] != 0xFF:
            at += 1  # what stands between segments is skipped by decoders too
            continue
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return height, width
        has_no_length = marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD9
        at += 1 if marker == 0xFF else 2 if has_no_length else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise ValueError("a compressed image that does not say its size")


def _enough(data: bytes, at: int, n: int) -> bytes:
    if len(data) < at + n:
        raise ValueError("a compressed image that is cut short")
    return data
