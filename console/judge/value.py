"""Plain values that compare by what they hold. Only slots: a dataclass costs a millisecond to define at start-up."""

from __future__ import annotations


class Value:
    """Equal to another of its class whose slots are all equal."""

    __slots__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__slots__))
