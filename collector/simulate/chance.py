"""
Chance that is the same for ever: numbers that hang on what they are drawn for, and on nothing else.

Keyed, not one stream: what is drawn for one build of one host moves no other's numbers, so that two
scripts differ in what happens and not in their luck.
Source: SplitMix64; Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.
"""

import math

_MASK = (1 << 64) - 1
_GAMMA = 0x9E37_79B9_7F4A_7C15
GOLDEN = 0.618
"""Turns the luck of one request into that of another."""
LARGEST_MEAN = 500.0
"""Of `poisson` at once: above it exp(-mean) nears the smallest double."""


class Chance:
    """A stream of numbers for one key."""

    __slots__ = ("_state",)

    def __init__(self, *key: int) -> None:
        state = 0
        for part in key:
            state = _mixed((state ^ part) + _GAMMA & _MASK)
        self._state = state

    def bits(self) -> int:
        """Return 64 of them."""
        self._state = self._state + _GAMMA & _MASK
        return _mixed(self._state)

    def unit(self) -> float:
        """Return a number from 0 to below 1."""
        return (self.bits() >> 11) * 2.0**-53

    def below(self, n: int) -> int:
        """Return a whole number from 0 to below n."""
        return int(self.unit() * n)

    def normal(self) -> float:
        """Return one of the normal distribution (Box and Muller)."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self.unit()))
        return radius * math.cos(2.0 * math.pi * self.unit())

    def lognormal(self, median: float, spread: float) -> float:
        """Return a number whose logarithm is normal; latencies are like that."""
        return median * math.exp(spread * self.normal())

    def poisson(self, mean: float) -> int:
        """Return how many events there are where `mean` are usual (Knuth's product of numbers)."""
        count = 0
        while mean > LARGEST_MEAN:
            count += self.poisson(LARGEST_MEAN)
            mean -= LARGEST_MEAN
        limit, product = math.exp(-mean), self.unit()
        while product > limit:
            product *= self.unit()
            count += 1
        return count


def _mixed(state: int) -> int:
    state = (state ^ state >> 30) * 0xBF58_476D_1CE4_E5B9 & _MASK
    state = (state ^ state >> 27) * 0x94D0_49BB_1331_11EB & _MASK
    return state ^ state >> 31
