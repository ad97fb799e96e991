"""Combos, unions of partitions, as their names tell: v1+v2 holds v1 and v2."""

from collections.abc import Sequence


def chain_of(combos: Sequence[str], partition: str) -> list[str]:
    """Return the combos that each hold the one before, from a partition: v1, v1+v2, v1+v2+v3.

    Empty if the partition alone is no combo of the study.
    """
    chain: list[str] = []
    for combo in sorted(combos, key=lambda combo: (combo.count("+"), combo)):
        parts = set(combo.split("+"))
        if (not chain and parts == {partition}) or (chain and set(chain[-1].split("+")) < parts):
            chain.append(combo)
    return chain
