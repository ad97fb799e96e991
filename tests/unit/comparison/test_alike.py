"""The noise of pairs alike, on a study in which sizes and models vary differently."""

import itertools

import numpy as np
import pytest
from benchmarks.verdicts import LAPTOP, UNEQUAL, Design, simulate

from study.comparison.alike import alike
from study.comparison.answers import Family, Study
from study.comparison.pairs import compare

SMALL, LARGE = ["c0", "c1", "c2"], ["c3", "c4"]


@pytest.fixture(scope="module")
def study() -> Study:
    design = Design(LAPTOP, models=2, noise=UNEQUAL[LAPTOP], unstable=2)
    return simulate(design, np.random.default_rng(0))[0]


def family(study: Study, kind: str, shared: str) -> Family:
    """Return one of the families of a study."""
    return next(one for one in study.families() if (one.kind, one.shared) == (kind, shared))


def variance(study: Study, a: tuple[str, str], b: tuple[str, str]) -> float:
    """Return the variance over seeds of the difference of two groups, by these alone."""
    means = study.means("accuracy")
    return (means[a] - means[b]).var(ddof=1)


def test_combos_are_pooled_with_combos_of_the_same_two_sizes(study):
    combos = family(study, "combos", "m1")
    of_pair = alike(study, combos, "accuracy")

    def mean_variance(pairs) -> float:
        return np.mean([variance(study, (a, "m1"), (b, "m1")) for a, b in pairs])

    small, large, between = of_pair(0, 1), of_pair(3, 4), of_pair(0, 3)
    assert small.variance == pytest.approx(mean_variance(itertools.combinations(SMALL, 2)))
    assert large.variance == pytest.approx(mean_variance([LARGE]))
    assert between.variance == pytest.approx(mean_variance(itertools.product(SMALL, LARGE)))
    # Three seeds: two degrees for each combo of a size but one; those of a sum lie between.
    assert (small.freedom, large.freedom) == (4, 2) and 2 <= between.freedom <= 8
    assert small == of_pair(1, 2) and between == of_pair(2, 4) and small.variance > large.variance


def test_models_are_pooled_over_combos_of_one_size(study):
    on_small, on_large = (
        alike(study, family(study, "models", combo), "accuracy")(0, 1) for combo in ("c0", "c3")
    )
    for found, combos in ((on_small, SMALL), (on_large, LARGE)):
        alone = [variance(study, (c, "m0"), (c, "m1")) for c in combos]
        assert found.variance == pytest.approx(np.mean(alone))
    assert 2 <= on_small.freedom <= 6 and 2 <= on_large.freedom <= 4


def test_a_pair_with_few_seeds_rests_on_these(study):
    combos = family(study, "combos", "m0")
    of_pair = alike(study, combos, "accuracy")
    units = list(study.tests(False).values())
    values = study.values(combos, "accuracy")
    table = compare(combos.names, values, units, of_pair).set_index(["a", "b"])
    for a, b in itertools.combinations(range(5), 2):
        pair = table.loc[(combos.names[a], combos.names[b])]
        assert pair["seed_sd"] ** 2 == pytest.approx(of_pair(a, b).variance)
