"""Whether the fields of a value from a file are of the types that its class declares: the file may be anybody's."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal

import numpy as np


def check_fields(kind: type, values: Mapping[str, Any]) -> None:
    """Compare the fields of a dataclass with what it declares.

    Raises
    ------
    TypeError
        One is of another type, or unknown.
    """
    hints = _hints(kind)
    for name, value in values.items():
        if name not in hints or not fits(value, hints[name]):
            raise TypeError(f"{kind.__name__}.{name} is {type(value).__name__}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type that a hint names, with all that is in it."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hasattr(origin, "__value__"):  # NDArray is an alias of its own kind from numpy 2.5 and Python 3.12 on
        return fits(value, origin.__value__[inside])
    if hint is Any or hint is object:
        return True
    if origin in (UnionType, typing.Union):
        return any(fits(value, each) for each in inside)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in inside)
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and _has_dtype(value, inside)
    if origin is tuple:
        return isinstance(value, tuple) and _all_fit(value, inside)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(fits(k, inside[0]) and fits(v, inside[1]) for k, v in value.items())
    if origin in (Callable, typing.get_origin(Callable[..., Any])):
        return callable(value)
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is None or hint is NoneType:
        return value is None
    return isinstance(value, origin or hint)


def _all_fit(value: tuple[Any, ...], inside: tuple[Any, ...]) -> bool:
    if len(inside) == 2 and inside[1] is ...:
        return all(fits(each, inside[0]) for each in value)
    return len(value) == len(inside) and all(map(fits, value, inside))


def _has_dtype(value: np.ndarray[Any, Any], inside: tuple[Any, ...]) -> bool:
    """Whether an array is of the kind of number that ``NDArray[...]`` names; its size in bytes is free."""
    wanted = typing.get_args(inside[1]) if len(inside) > 1 else ()
    if not wanted or not isinstance(wanted[0], type):
        return True
    kind = wanted[0]
    group = next((g for g in (np.floating, np.integer, np.bool_, np.object_) if issubclass(kind, g)), np.generic)
    return bool(np.issubdtype(value.dtype, group))
