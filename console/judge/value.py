"""Base class of the judge's values, compared by their slots.

They are not dataclasses because of the cost: the package docstring has the measurement.
"""

from __future__ import annotations


class Value:
    """A value that equals another of its class if all slots are equal."""

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__slots__))
