"""Combos and their chains."""

from study.config.combos import chain_of


def test_the_chain_of_combos_grows_from_the_partition():
    combos = ["v1", "v2", "v3", "v1+v2", "v1+v2+v3", "official"]
    assert chain_of(combos, "v1") == ["v1", "v1+v2", "v1+v2+v3"]
    assert chain_of(combos, "v3") == ["v3", "v1+v2+v3"]
    assert chain_of(["v1+v2", "v2"], "v1") == []
