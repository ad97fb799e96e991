"""Numbers in words."""

from study.wording import combos_and_models, duration, percentage, real_differences, size


def test_sizes_are_told_in_a_unit_that_suits_them():
    assert [size(n) for n in (999, 1500, 25_000_000)] == ["999 bytes", "1.5 kB", "25 MB"]


def test_times_are_told_in_a_unit_that_suits_them():
    told = [duration(seconds) for seconds in (0, 0.08, 1, 90, 5400)]
    assert told == ["0 seconds", "less than a second", "1 second", "2 minutes", "1.5 hours"]


def test_only_all_is_100_percent_and_only_none_is_0_percent():
    shares = (1, 9996 / 10_000, 0.99996, 0.705, 1 / 5000, 0)
    told = [percentage(share) for share in shares]
    assert told == ["100.0%", "99.96%", "99.996%", "70.5%", "0.02%", "0.0%"]
    assert percentage(0.999, 0) == "99.9%" and percentage(float("nan")) == "nan%"


def test_one_of_something_is_singular():
    assert [combos_and_models(n) for n in (1, 6)] == ["1 combo and model", "6 combos and models"]
    assert real_differences(1, 1) == "1 of 1 difference of accuracy is real"
    assert real_differences(1, 25) == "1 of 25 differences of accuracy is real"
