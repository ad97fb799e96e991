"""What differences a study can find: in simulated studies."""

import math

import numpy as np
from scipy import stats

from study.comparison.pairs import residual
from study.comparison.power import detectable, seeds_needed


def test_a_detectable_difference_is_found_in_four_of_five_studies():
    random = np.random.default_rng(10)
    sd, seeds, groups = 0.01, 4, 4
    noise = residual(random.normal(0, sd, (groups, seeds)))._replace(sd=sd)
    gap = detectable(noise, seeds)
    n_found = 0
    for _ in range(600):
        table = random.normal(0, sd, (groups, seeds))
        table[1] += gap
        measured = residual(table)
        t = (table[1].mean() - table[0].mean()) / (measured.sd * math.sqrt(2 / seeds))
        n_found += abs(t) > stats.t.ppf(0.975, measured.freedom)
    assert 0.75 <= n_found / 600 <= 0.85, n_found


def test_seeds_needed_are_the_fewest_that_give_the_precision():
    noise = residual(np.random.default_rng(11).normal(0, 0.01, (5, 3)))
    needed = seeds_needed(noise, 5, 0.005)
    half = [
        stats.t.ppf(0.975, 4 * (n - 1)) * noise.sd * math.sqrt(2 / n) for n in (needed - 1, needed)
    ]
    assert half[1] <= 0.005 < half[0]
    assert seeds_needed(residual(np.ones((3, 1))), 3, 0.005) is None
