"""`frozen`: a class of plain values that nobody changes. Who needs another one makes it, with `dataclasses.replace`."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """A dataclass with slots, equal and hashed by what it holds.

    mypy refuses to change one. Python itself does not: a dataclass that it guards sets each field by a call, and an
    incident of thirty takes some ten times as long to make. A press makes some twenty values.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
