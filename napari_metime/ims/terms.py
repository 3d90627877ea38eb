"""The controlled vocabulary as far as it is read: what a term's accession means, one table for header and spectra.

The accession decides, the name does not; ``WRONG_ACCESSIONS`` are the known exporters of which it is the other way
round.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Kinds of meaning. The values of a kind below are bits, so that contradicting terms can be told.
ROLE, FORMAT, COMPRESSION, POLARITY, SPECTRUM_TYPE, NUMBER = 1, 2, 3, 4, 5, 6
N_KINDS = 6

MZ, INTENSITY, MOBILITY, OTHER_ARRAY = 1, 2, 4, 8
FLOAT16, FLOAT32, FLOAT64, INT8, INT16, INT32, INT64 = 1, 2, 4, 8, 16, 32, 64
UNCOMPRESSED, ZLIB, OTHER_COMPRESSION = 1, 2, 4
POSITIVE, NEGATIVE = 1, 2
CENTROID, PROFILE = 1, 2

# Numbers, by their column in the table of a scan; those of an array stand for m/z first, then for intensities.
X, Y, Z, OFFSET, LENGTH, ENCODED = 0, 1, 2, 3, 4, 5

DTYPES: dict[int, np.dtype[np.generic]] = {
    FLOAT64: np.dtype("<f8"),
    FLOAT32: np.dtype("<f4"),
    INT64: np.dtype("<i8"),
    INT32: np.dtype("<i4"),
    INT16: np.dtype("<i2"),
    INT8: np.dtype("<i1"),
    FLOAT16: np.dtype("<f2"),
}
"""imzML is little-endian by definition. Where several are stated and nothing else decides, the first counts."""

MODES = {"IMS:1000030": "continuous", "IMS:1000031": "processed"}
UUID = "IMS:1000080"
CHECKSUMS = {"IMS:1000090": "MD5", "IMS:1000091": "SHA-1", "IMS:1000092": "SHA-256"}
PIXEL_SIZE = {"x": "IMS:1000046", "y": "IMS:1000047"}
STAGE_OFFSET = {"x": "IMS:1000053", "y": "IMS:1000054"}

MEANINGS: dict[str, tuple[int, int]] = {
    "MS:1000514": (ROLE, MZ),
    "MS:1000515": (ROLE, INTENSITY),
    **dict.fromkeys(
        ("MS:1002477", "MS:1002816", "MS:1002893", "MS:1003006", "MS:1003007", "MS:1003008",
         "MS:1003153", "MS:1003154", "MS:1003155", "MS:1003156"),
        (ROLE, MOBILITY),
    ),
    **dict.fromkeys(
        ("MS:1000516", "MS:1000517", "MS:1000595", "MS:1000617", "MS:1000786", "MS:1000820", "MS:1000821",
         "MS:1000822", "MS:1002478", "MS:1002529", "MS:1002530", "MS:1002742", "MS:1002743", "MS:1002744",
         "MS:1002745", "MS:1003143"),
        (ROLE, OTHER_ARRAY),
    ),
    "MS:1000519": (FORMAT, INT32),
    "MS:1000520": (FORMAT, FLOAT16),
    "MS:1000521": (FORMAT, FLOAT32),
    "MS:1000522": (FORMAT, INT64),
    "MS:1000523": (FORMAT, FLOAT64),
    "IMS:1000141": (FORMAT, INT32),
    "IMS:1000142": (FORMAT, INT64),
    "IMS:1100000": (FORMAT, INT8),
    "IMS:1100001": (FORMAT, INT16),
    "MS:1000574": (COMPRESSION, ZLIB),
    "MS:1000576": (COMPRESSION, UNCOMPRESSED),
    **dict.fromkeys(
        ("MS:1002312", "MS:1002313", "MS:1002314", "MS:1002746", "MS:1002747", "MS:1002748",
         "MS:1003088", "MS:1003089", "MS:1003090"),
        (COMPRESSION, OTHER_COMPRESSION),
    ),
    "MS:1000129": (POLARITY, NEGATIVE),
    "MS:1000130": (POLARITY, POSITIVE),
    "MS:1000127": (SPECTRUM_TYPE, CENTROID),
    "MS:1000128": (SPECTRUM_TYPE, PROFILE),
    "IMS:1000050": (NUMBER, X),
    "IMS:1000051": (NUMBER, Y),
    "IMS:1000052": (NUMBER, Z),
    "IMS:1000102": (NUMBER, OFFSET),
    "IMS:1000103": (NUMBER, LENGTH),
    "IMS:1000104": (NUMBER, ENCODED),
}  # fmt: skip
"""Accession -> (kind, value)."""

WRONG_ACCESSIONS = {
    ("MS:1000523", "32-bit float"): "MS:1000521",
    ("MS:1000521", "64-bit float"): "MS:1000523",
    ("MS:1000128", "positive scan"): "MS:1000130",
}
"""(accession, name) that known exporters write -> the accession that they mean."""

NAMES: dict[str, tuple[str, ...]] = {
    "MS:1000127": ("centroid spectrum", "centroid mass spectrum"),
    "MS:1000128": ("profile spectrum", "profile mass spectrum"),
    "MS:1000129": ("negative scan",),
    "MS:1000130": ("positive scan",),
    "MS:1000514": ("m/z array",),
    "MS:1000515": ("intensity array",),
    "MS:1000519": ("32-bit integer",),
    "MS:1000521": ("32-bit float",),
    "MS:1000522": ("64-bit integer",),
    "MS:1000523": ("64-bit float",),
    "MS:1000574": ("zlib compression",),
    "MS:1000576": ("no compression",),
    "IMS:1000030": ("continuous",),
    "IMS:1000031": ("processed",),
    "IMS:1000046": ("pixel size x", "pixel size (x)", "pixel size"),
    "IMS:1000047": ("pixel size y", "pixel size (y)"),
    "IMS:1000053": ("absolute position offset x",),
    "IMS:1000054": ("absolute position offset y",),
    "IMS:1000080": ("universally unique identifier",),
    "IMS:1000090": ("ibd MD5",),
    "IMS:1000091": ("ibd SHA-1",),
    "IMS:1000092": ("ibd SHA-256",),
    "IMS:1000101": ("external data",),
    "IMS:1000141": ("32-bit integer",),
    "IMS:1000142": ("64-bit integer",),
    "IMS:1000400": ("bottom up",),
    "IMS:1000401": ("top down",),
    "IMS:1000402": ("left right",),
    "IMS:1000403": ("right left",),
    "IMS:1000410": ("meandering",),
    "IMS:1000411": ("one way",),
    "IMS:1000412": ("random access",),
    "IMS:1000413": ("flyback",),
    "IMS:1000480": ("horizontal line scan",),
    "IMS:1000481": ("vertical line scan",),
    "IMS:1000490": ("linescan right left", "line scan right left"),
    "IMS:1000491": ("linescan left right", "line scan left right"),
    "IMS:1000492": ("linescan bottom up", "line scan bottom up"),
    "IMS:1000493": ("linescan top down", "line scan top down"),
}
"""The names that pass as rightly spelt, of the terms that are read or that exporters are known to misspell."""


# Columns of the table for the compiled scan: a term's number, what it means, and what it means under a name that
# exporters write with a wrong accession, then that name: its size and its bytes.
CODE, KIND, MEANING, ALIAS_KIND, ALIAS_MEANING, ALIAS_SIZE, ALIAS_NAME = range(7)
_MAX_ALIAS = 16


def term_code(accession: str) -> int:
    """Return the number by which the compiled scan knows an accession: of IMS terms above 10 ** 10."""
    prefix, _, number = accession.partition(":")
    return int(number) + (10**10 if prefix == "IMS" else 0)


def compile_terms() -> NDArray[np.int64]:
    """Lay ``MEANINGS`` and ``WRONG_ACCESSIONS`` out for the compiled scan.

    Returns
    -------
    ndarray of shape (n, 22), int64; a term's number modulo n is its row, columns as above, zeros where no term is
    """
    codes = {term_code(accession): meaning for accession, meaning in MEANINGS.items()}
    n_rows = next(n for n in range(len(codes), 100_000) if len({code % n for code in codes}) == len(codes))
    table = np.zeros((n_rows, ALIAS_NAME + _MAX_ALIAS), dtype=np.int64)
    for code, meaning in codes.items():
        table[code % n_rows, : MEANING + 1] = code, *meaning
    for (wrong, name), right in WRONG_ACCESSIONS.items():
        row = table[term_code(wrong) % n_rows]
        row[ALIAS_KIND : ALIAS_SIZE + 1] = *MEANINGS[right], len(name)
        row[ALIAS_NAME : ALIAS_NAME + len(name)] = list(name.encode())
    return table
