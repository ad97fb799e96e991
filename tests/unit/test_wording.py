"""Numbers in words."""

from study.wording import size


def test_sizes_are_told_in_a_unit_that_suits_them():
    assert [size(n) for n in (999, 1500, 25_000_000)] == ["999 bytes", "1.5 kB", "25 MB"]
