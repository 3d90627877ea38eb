"""Frozen values as JSON and arrays, and back: only kinds of value that stand in a table, never a pickle.

What is one object before is one object after: a value that two others hold is written once. So the results of a
section stay linked to what they were made of.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import ProjectError
from napari_metime.project.fits import check_fields
from napari_metime.project.frames import join_frame, split_frame

MAX_DEPTH = 60
_NUMBERS = "biuf"
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True, slots=True)
class Kind:
    """A class that may be kept.

    Parameters
    ----------
    type : a dataclass, unless ``split`` is given
    make : what builds it from its fields; the class itself where nothing else is said
    split : what takes it apart into its fields
    """

    type: type
    make: Callable[..., Any] | None = None
    split: Callable[[Any], Mapping[str, Any]] | None = None


Kinds = Mapping[str, Kind]


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A value as JSON and arrays.

    Parameters
    ----------
    tree : of plain JSON
    arrays : numbers only, which ``tree`` names by their place
    paths : every absolute path in the value
    """

    tree: dict[str, Any]
    arrays: tuple[NDArray[Any], ...]
    paths: frozenset[str] = frozenset()


def pack(value: object, kinds: Kinds, *, apart: Mapping[int, str] | None = None) -> Packed:
    """Take a value apart.

    Parameters
    ----------
    kinds : what may be in it, by name
    apart : objects that are kept elsewhere, by ``id``: where

    Raises
    ------
    ProjectError
        Something in it is of no such kind.
    """
    packer = _Packer({kind.type: (name, kind) for name, kind in kinds.items()}, apart or {})
    root = packer.pack(value)
    return Packed({"objects": packer.objects, "root": root}, tuple(packer.arrays), frozenset(packer.paths))


def unpack(
    packed: Packed, kinds: Kinds, *, apart: Mapping[str, object] | None = None, moved: Mapping[str, str] | None = None
) -> Any:
    """Put a value together again.

    Parameters
    ----------
    apart : the objects that were kept elsewhere
    moved : absolute paths that are others by now

    Raises
    ------
    ProjectError
        It holds an unknown kind, or cannot be put together.
    """
    unpacker = _Unpacker(kinds, packed.arrays, apart or {}, moved or {})
    try:
        for row in packed.tree["objects"]:
            unpacker.objects.append(unpacker.make(row))
        return unpacker.unpack(packed.tree["root"])
    except ProjectError:
        raise
    except MemoryError as error:
        raise no_memory("the results of a project") from error
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError, OverflowError) as error:
        raise ProjectError(
            f"expected the results of a project, found some that do not fit together ({error!s:.80}); "
            "open an earlier copy of it, or the recipe"
        ) from error


def no_memory(what: str) -> ProjectError:
    """Return the error that something of a project needs more memory than there is."""
    return ProjectError(
        f"expected enough free memory for {what}, found too little; close other programs, or open the recipe"
    )


@dataclass(slots=True)
class _Packer:
    kinds: Mapping[type, tuple[str, Kind]]
    apart: Mapping[int, str]
    objects: list[Any] = field(default_factory=list)
    arrays: list[NDArray[Any]] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    _known: dict[int, tuple[object, Any]] = field(default_factory=dict)
    """The objects so far and what stands for them; they are held, so that no other one gets their id."""

    def pack(self, value: Any) -> Any:
        if id(value) in self.apart:
            return {"apart": self.apart[id(value)]}
        if value is None or isinstance(value, bool) or type(value) is int:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) is str:
            if os.path.isabs(value):
                self.paths.add(value)
            return value
        if isinstance(value, tuple):
            return [self.pack(each) for each in value]
        if isinstance(value, list):
            return {"list": [self.pack(each) for each in value]}
        if isinstance(value, Mapping):
            return {"dict": [[self.pack(key), self.pack(each)] for key, each in value.items()]}
        if isinstance(value, Path):
            if value.is_absolute():
                self.paths.add(str(value))
            return {"path": str(value)}
        if isinstance(value, np.generic) and value.dtype.kind in _NUMBERS:
            return {"number": self._array(np.array(value))}
        if isinstance(value, np.dtype) and value.kind in _NUMBERS:
            return {"dtype": value.str}
        return self._held(value)

    def _held(self, value: Any) -> Any:
        if id(value) not in self._known:
            self._known[id(value)] = (value, self._pack_object(value))
        return self._known[id(value)][1]

    def _pack_object(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return {"array": self._array(value)} if value.dtype.kind in _NUMBERS else self._objects_of(value)
        if isinstance(value, pd.DataFrame):
            return {"frame": self.pack(split_frame(value))}
        name, kind = self.kinds.get(type(value), ("", None))
        if kind is None:
            raise ProjectError(f"expected a value that a project can keep, found {type(value).__name__}; report this")
        parts = kind.split(value) if kind.split else {f.name: getattr(value, f.name) for f in fields(value) if f.init}
        self.objects.append([name, {key: self.pack(each) for key, each in parts.items()}])
        return {"object": len(self.objects) - 1}

    def _array(self, array: NDArray[Any]) -> int:
        self.arrays.append(array)
        return len(self.arrays) - 1

    def _objects_of(self, array: NDArray[Any]) -> Any:
        """Texts as numbers of a list of them; other values one by one."""
        flat = array.ravel().tolist() if array.dtype.kind == "U" else array.ravel().astype(object)
        if all(type(each) is str for each in flat):
            codes, texts = pd.factorize(np.asarray(flat, dtype=object))
            return {"texts": [texts.tolist(), self._array(codes.astype(np.int32).reshape(array.shape))]}
        return {"values": [[self.pack(each) for each in flat], list(array.shape)]}


@dataclass(slots=True)
class _Unpacker:
    kinds: Kinds
    arrays: tuple[NDArray[Any], ...]
    apart: Mapping[str, object]
    moved: Mapping[str, str]
    objects: list[Any] = field(default_factory=list)

    def make(self, row: Any) -> Any:
        name, packed = row
        kind = self.kinds.get(name)
        if kind is None:
            raise ProjectError(
                f"expected kinds of result that this version knows, found {name!r:.60}; update napari-metime"
            )
        values = {key: self.unpack(each) for key, each in packed.items()}
        if kind.split is None:
            check_fields(kind.type, values)
        return (kind.make or kind.type)(**values)

    def unpack(self, tree: Any, depth: int = 0) -> Any:
        if isinstance(tree, str):
            return self.moved.get(tree, tree)
        if isinstance(tree, list):
            if depth > MAX_DEPTH:
                raise ValueError("too many levels")
            return tuple([self.unpack(each, depth + 1) for each in tree])
        if not isinstance(tree, dict):
            return tree
        (word, what), *more = tree.items()
        if more or depth > MAX_DEPTH:
            raise ValueError("too many keys or levels")
        return self._of_word(word, what, depth + 1)

    def _of_word(self, word: str, what: Any, depth: int) -> Any:
        match word:
            case "array":
                return self.arrays[what]
            case "number":
                return self.arrays[what][()]
            case "object":
                return self.objects[what]
            case "apart":
                return self.apart[what] if what else None
            case "path":
                return Path(self.moved.get(what, what))
            case "float":
                return _NOT_FINITE[what]
            case "dtype":
                return _dtype(what)
            case "list":
                return [self.unpack(each, depth) for each in what]
            case "dict":
                return {self.unpack(key, depth): self.unpack(each, depth) for key, each in what}
            case "texts":
                return np.array([str(each) for each in what[0]], dtype=object)[self.arrays[what[1]]]
            case "values":
                return _filled(tuple(self.unpack(each, depth) for each in what[0]), what[1])
            case "frame":
                return join_frame(self.unpack(what, depth))
            case _:
                raise ValueError(f"unknown kind {word!r:.40}")


def _dtype(text: str) -> np.dtype[Any]:
    found = np.dtype(text)
    if found.kind not in _NUMBERS:
        raise ValueError(f"unknown kind of number {text!r:.40}")
    return found


def _filled(values: tuple[Any, ...], shape: list[int]) -> NDArray[np.object_]:
    found = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):  # one by one: numpy would take tuples for rows
        found[place] = value
    return found.reshape(shape)
