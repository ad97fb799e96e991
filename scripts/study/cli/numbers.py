"""Numbers on the command line."""

import argparse
from collections.abc import Callable

# In hours this is a century: more than any option means.
_MOST = 1_000_000


def above_zero(kind: type[float]) -> Callable[[str], float]:
    """Return an argparse type: numbers of a kind that are finite and above 0.

    Args:
        kind: int or float.
    """

    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(0)
        if not 0 < value <= _MOST:  # not a number is neither
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(
                f"{text!r} was given, expected {what} above 0, at most {_MOST:,}"
            )
        return value

    return number
