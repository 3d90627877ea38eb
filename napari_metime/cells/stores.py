"""Arrays in groups, as HDF5 and Zarr hold them, in one shape: nothing is unpickled, executed or read from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import CellTableError, MissingFileError

MAX_COLUMN_BYTES = 4_000_000_000
_CODECS = frozenset(
    ("blosc", "bytes", "bz2", "crc32c", "gzip", "lz4", "lzma", "sharding_indexed", "transpose", "vlen-utf8", "zlib")
) | {"zstd"}
"""Those that only unpack; the pickle codec of Zarr is none of them."""


class Node(Protocol):
    """A group or an array."""

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of an array, None of a group."""

    def names(self) -> list[str]:
        """Return the names of what is in a group, sorted; none of an array."""

    def child(self, name: str) -> Node | None:
        """Return what lies in a group under a name, or None."""

    def attribute(self, name: str) -> Any:
        """Return an attribute, or None; of HDF5 only texts."""

    def values(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Read an array that must have this shape; texts are of dtype object."""


@dataclass(frozen=True, slots=True)
class Hdf5Node:
    """A group or dataset of an open HDF5 file."""

    found: Any

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of a dataset."""
        return getattr(self.found, "shape", None)

    def names(self) -> list[str]:
        """Return the names in a group."""
        return sorted(self.found.keys()) if hasattr(self.found, "keys") else []

    def child(self, name: str) -> Hdf5Node | None:
        """Return a member; links to other files are not followed."""
        h5py = import_module("h5py")
        if not hasattr(self.found, "keys") or name not in self.found:
            return None
        is_own = isinstance(self.found.get(name, getlink=True), h5py.HardLink)
        return Hdf5Node(self.found[name]) if is_own else None

    def attribute(self, name: str) -> str | None:
        """Return a text; a damaged attribute may declare any size."""
        h5py = import_module("h5py")
        if name not in self.found.attrs:
            return None
        attribute = self.found.attrs.get_id(name)
        if attribute.shape != () or h5py.check_string_dtype(attribute.dtype) is None:
            raise ValueError(f"{name} is no text")
        return str(self.found.attrs[name])

    def values(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Read a dataset that lies in the file itself."""
        _check_shape(self, shape, str(getattr(self.found, "name", "obs")))
        if self.found.is_virtual or self.found.external or self.found.nbytes > MAX_COLUMN_BYTES:
            raise CellTableError(
                f"expected values of at most 4 GB in the file itself, found others in {self.found.name!r}; "
                "write it again"
            )
        text = import_module("h5py").check_string_dtype(self.found.dtype)
        return np.asarray(self.found.asstr(errors="replace")[...] if text else self.found[...])


@dataclass(frozen=True, slots=True)
class ZarrNode:
    """A group or array of a Zarr store, of format 2 or 3."""

    found: Any

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of an array."""
        return getattr(self.found, "shape", None)

    def names(self) -> list[str]:
        """Return the names in a group."""
        return sorted(self.found.keys()) if hasattr(self.found, "keys") else []

    def child(self, name: str) -> ZarrNode | None:
        """Return a member."""
        return ZarrNode(self.found[name]) if name in self.names() else None

    def attribute(self, name: str) -> Any:
        """Return an attribute, which is JSON."""
        return self.found.attrs.get(name)

    def values(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Read an array that is packed by known codecs."""
        _check_shape(self, shape, str(getattr(self.found, "path", "obs")))
        found = self.found
        told = found.metadata.to_dict()
        parts = [*(told.get("codecs") or ()), *(told.get("filters") or ()), told.get("compressor")]
        named = {str(part.get("name", part.get("id"))) for part in parts if isinstance(part, dict)}
        if not named <= _CODECS or found.nbytes > MAX_COLUMN_BYTES:
            what = "more" if named <= _CODECS else f"the codec {min(named - _CODECS)!r:.40}"
            raise CellTableError(
                f"expected values of at most 4 GB by plain codecs, found {what} in {found.path!r}; write it again"
            )
        values = np.asarray(found[...])
        return values if values.dtype.kind in "biuf" else values.astype(object)


def _check_shape(node: Node, shape: tuple[int, ...], name: str) -> None:
    if node.shape != shape:
        raise CellTableError(
            f"expected {' x '.join(map(str, shape))} values in {name!r}, found {node.shape}; write the file again"
        )


class opened:
    """The root of an HDF5 file or a Zarr folder; whatever a damaged one raises becomes an error in words."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def __enter__(self) -> Node:
        if self._path.is_dir():
            return self._zarr()
        try:
            h5py = import_module("h5py")
        except ModuleNotFoundError as error:
            raise CellTableError(
                "expected h5py for .h5ad files, found no such module; install it with: "
                "pip install 'napari-metime[anndata]'"
            ) from error
        try:
            self._file = h5py.File(self._path, "r")
        except FileNotFoundError as error:
            raise MissingFileError(f"expected cells at {self._path}, found no file; check cells.path") from error
        except (OSError, RuntimeError, ValueError) as error:
            raise self._damaged(error) from error
        return Hdf5Node(self._file)

    def _zarr(self) -> ZarrNode:
        zarr = import_module("zarr")
        try:
            store = zarr.storage.LocalStore(self._path, read_only=True)
            return ZarrNode(zarr.open_group(store, mode="r", use_consolidated=False))
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._file is not None:
            self._file.close()
        if isinstance(error, CellTableError | MissingFileError):
            return
        if isinstance(error, OSError | RuntimeError | ValueError | KeyError | TypeError | IndexError | AttributeError):
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> CellTableError:
        told = " ".join(str(error).split())
        what = "AnnData or SpatialData" if self._path.is_dir() else "AnnData"
        return CellTableError(
            f"{self._path.name}: expected {what}, found what cannot be read ({told:.120}); write it again"
        )
