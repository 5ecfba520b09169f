"""
Values that nobody changes, made as fast as others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True)
def frozen(*, kw_only: bool = False) -> Callable[[type[_T]], type[_T]]:
    """
    Make a dataclass that is frozen for the type checker only.

    One that is frozen takes twice as long to make, and a download makes thousands.
    """
    return dataclass(slots=True, unsafe_hash=True, kw_only=kw_only)
