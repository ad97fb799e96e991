"""The difference of two groups' means over test images: its intervals and its p-value.

Two things could have been otherwise, the seeds and the test images. With n images, S seeds and the
gap d of image i and seed s, the variance of the mean gap is that of two-way random effects:

    images - shared + seeds

and at least `images`.

- `images` is the variance that the images cause. Images that several seeds test are counted once.
- `seeds` is the variance of the seeds' mean gaps over S.
- `shared` is the part of the images' variance that is in `seeds` too.

Where all seeds test the same images, `shared` is their interaction's alone. That leaves
(MS_image + MS_seed - MS_residual)/(n·S). Where no image is tested twice, `shared` equals `images`.
That leaves the variance between seeds. Folds of several rounds lie between the two.

What an image says with all seeds stays however many seeds are added, where these test the same
images. Only images that two seeds tested show it.

Nearly perfect models differ on few images, maybe on none, and then the images that were drawn show
too little variance. So `images` counts three images more on which the groups differ, as Bonett and
Price count two. With three, the interval of a difference of shares holds the truth in 95 % of all
cases or more, however few images differ.

Sources: H. Scheffé, "The Analysis of Variance", 1959, chapter 7; D. G. Bonett, R. M. Price,
"Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired Data",
2012.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtr

from study.comparison.intervals import mcnemar_p_value, t_interval, t_p_value
from study.comparison.spread import ENOUGH_SEEDS, UNKNOWN, Spread, safely_summed
from study.runs.clusters import jackknife_factors

# What the interval `low` to `high` of a difference may be for.
OF_IMAGES = "other test images, for these trained models"
OF_SEEDS = "other seeds, on these images"
OF_BOTH = "other seeds and other images of the same source"

# Below it a variance over seeds is that of rounding alone: no seed changes these answers.
_ROUNDED = 1e-24


class Images(NamedTuple):
    """The variance of a mean gap that the choice of test images causes.

    Attributes:
        once: images that several seeds test counted once.
        by_seed: the same variance, as if no image were tested by two seeds.
        n: distinct units, images or groups of them.
        lasting: the part of the variance that stays however many seeds test these units; NaN where
            no unit is tested by two seeds.
        single: whether each unit is one image.
    """

    once: Spread
    by_seed: Spread
    n: int
    lasting: float
    single: bool


class Design(NamedTuple):
    """How the seeds of a study test images.

    Attributes:
        equally: each image is tested by equally many seeds, as with whole rounds of folds.
        same: all seeds test the same images, so that no variance over seeds is of images.
    """

    equally: bool
    same: bool


def design_of(units: Sequence[np.ndarray]) -> Design:
    """Return how seeds test images.

    Args:
        units: for each of all seeds of a study, as for `images_of`; also of those that a pair of
            groups lost.
    """
    tested = _tests_by_unit(units).astype(bool).sum(axis=0)
    tested = tested[tested > 0]
    equally = bool((tested == tested[0]).all())
    return Design(equally, equally and 1 < len(units) == tested[0])


def _tests_by_unit(units: Sequence[np.ndarray]) -> np.ndarray:
    """Return how many images of each unit each seed tests, int S×U."""
    size = max(int(unit.max()) for unit in units) + 1
    return np.array([np.bincount(unit, minlength=size) for unit in units])


def images_of(gaps: Sequence[np.ndarray], units: Sequence[np.ndarray], step: float = 0.0) -> Images:
    """Return the variance that the test images cause.

    Args:
        gaps: for each of S seeds, float n_s; of each test image.
        units: for each seed int, n_s; what was drawn: the image's number, or its group's.
        step: by what the gap of an image changes that one more group gets wrong. 0 adds nothing for
            images that were not drawn.
    """
    counts = _tests_by_unit(units)
    tested = (counts > 0).sum(axis=0)
    n, by_unit = np.count_nonzero(tested), counts.sum(axis=0)
    deviations = np.zeros(counts.shape)
    for seed, (gap, unit) in enumerate(zip(gaps, units, strict=True)):
        of_images = (gap - gap.mean()) / (len(gap) * len(gaps))
        deviations[seed] = jackknife_factors(counts[seed]) * np.bincount(
            unit, of_images, minlength=counts.shape[1]
        )
    # Units of unequal sizes say as much as fewer ones of equal sizes do (Kish, 1965).
    freedom = max(float(by_unit.sum()) ** 2 / float(by_unit @ by_unit) - 1, 1.0)
    once = _variance(deviations.sum(axis=0), step / n)
    by_seed = _variance(deviations, step / tested.sum())
    # A test of a unit shares with `again` others what this unit says with all seeds.
    again = float(tested @ (tested - 1)) / tested.sum()
    lasting = max(once - by_seed, 0.0) * tested.sum() / (n * again) if again else math.nan
    return Images(
        Spread(once, freedom), Spread(by_seed, freedom), n, lasting, bool(counts.max() == 1)
    )


def _variance(deviations: np.ndarray, step: float) -> float:
    """Return the variance of a mean, with three more units as far off as any that was drawn."""
    return float((deviations**2).sum()) + 3 * step * max(step, float(np.abs(deviations).max()))


class Difference(NamedTuple):
    """A mean gap, and how uncertain it is.

    Attributes:
        value: the mean over seeds of the mean over images.
        main: variance of what `low` and `high` are about, and
        least: what it is at least: that of the images.
        new_images: variance of what other seeds and other images of the same source would give.
        images: variance that the images cause.
        seeds: variance over seeds of a single seed's gap; unknown with one seed.
        fixed: the part of `main` that more seeds would not reduce; NaN where it is unknown.
        parts: the independent variances that `main` is the sum of.
    """

    value: float
    main: Spread
    least: Spread
    new_images: Spread
    images: Images
    seeds: Spread
    fixed: float
    parts: tuple[Spread, ...]


def difference(
    gaps: Sequence[np.ndarray],
    units: Sequence[np.ndarray],
    alike: Spread = UNKNOWN,
    step: float = 0.0,
    design: Design | None = None,
) -> Difference:
    """Return a mean gap and its uncertainty.

    Args:
        gaps: as for `images_of`, like `units` and `step`.
        units: what was drawn.
        alike: the variance over seeds of the gap as pairs of its kind have it; it counts with few
            seeds.
        step: what one image changes.
        design: of the study, whose seeds may be more than these. Default: that of these.
    """
    images, n_seeds, design = images_of(gaps, units, step), len(gaps), design or design_of(units)
    by_seed = np.array([gap.mean() for gap in gaps])
    seeds = alike
    if n_seeds >= ENOUGH_SEEDS or (n_seeds > 1 and not alike):
        seeds = Spread(float(by_seed.var(ddof=1)), n_seeds - 1)
    if seeds and seeds.variance < _ROUNDED:
        seeds = Spread(0.0, seeds.freedom)
    value = float(by_seed.mean())
    if not seeds:
        once = images.once
        return Difference(value, once, once, once, images, seeds, images.lasting, (once,))
    over_seeds = seeds.over(n_seeds)
    repeated = images.once.variance - images.by_seed.variance
    shared = max(images.by_seed.variance - repeated / max(n_seeds - 1, 1), 0.0)
    if design.same and n_seeds == 1:
        shared = 0.0
    beside = Spread(max(images.once.variance - shared, 0.0), images.once.freedom)
    both = beside, over_seeds
    new_images = safely_summed(both)
    if design.equally:
        main, least, fixed, parts = new_images, images.once, images.lasting, both
    else:
        main, least, fixed, parts = over_seeds, images.by_seed, 0.0, (over_seeds,)
    return Difference(value, main, least, new_images, images, seeds, fixed, parts)


def wider(total: Spread, least: Spread) -> Spread:
    """Return that of two variances that makes the wider interval.

    Few degrees of freedom may show by luck less variance than the test images alone cause.
    """
    return max(total, least, key=lambda part: part.half_width)


def difference_row(
    gaps: Sequence[np.ndarray],
    units: Sequence[np.ndarray],
    alike: Spread = UNKNOWN,
    step: float = 1.0,
    design: Design | None = None,
) -> dict[str, Any]:
    """Return what `study.comparison.pairs.compare` says of one pair; see there."""
    design = design or design_of(units)
    found = difference(gaps, units, alike, step, design)
    main = wider(found.main, found.least)
    p = max(
        t_p_value(found.value, math.sqrt(part.variance), part.freedom)
        for part in (found.main, found.least)
    )
    if not found.seeds and (exact := _mcnemar(gaps[0], units[0])) is not None:
        p = exact
    by_seed = [float(gap.mean()) for gap in gaps]
    new_images = wider(found.new_images, found.images.once)
    return {
        "difference": found.value,
        **_ends("", found.value, main),
        "p": p,
        **dict(zip(("seeds_low", "seeds_high"), t_interval(by_seed)[-2:], strict=True)),
        **_ends("images_", found.value, found.images.once),
        **_ends("new_images_", found.value, new_images),
        "parts": (found.parts, (found.least,)),
        "error": math.sqrt(main.variance),
        "freedom": main.freedom,
        "seed_sd": math.sqrt(found.seeds.variance),
        "effect": _relative_to_seeds(found),
        "b_higher": _chance_of_higher(found, len(gaps)),
        "fixed_error": math.sqrt(found.fixed),
        "n_seeds": len(gaps),
        "n_images": found.images.n,
        "n_tests": sum(map(len, gaps)),
        "holds_for": _holds_for(found, design),
        "method": _method(found, main, len(gaps), design),
    }


def _chance_of_higher(found: Difference, n_seeds: int) -> float:
    """Return the predicted probability that the gap of one more seed is above 0; NaN if unknown."""
    if not found.seeds or found.seeds.variance == 0:
        return math.nan
    spread = math.sqrt(found.seeds.variance * (1 + 1 / n_seeds))
    return float(stdtr(found.seeds.freedom, found.value / spread))


def _relative_to_seeds(found: Difference) -> float:
    """Return the gap in standard deviations of a single seed's gap, Cohen's d of paired runs.

    NaN where nothing is known of seeds, or they do not differ.

    Source: J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, d_z.
    """
    if not found.seeds or found.seeds.variance == 0:
        return math.nan
    return found.value / math.sqrt(found.seeds.variance)


def _ends(name: str, value: float, part: Spread) -> dict[str, float]:
    return {f"{name}low": value - part.half_width, f"{name}high": value + part.half_width}


def _holds_for(found: Difference, design: Design) -> str:
    """Return what `main` is about. Widths do not tell: two intervals may be equal by luck."""
    if not found.seeds:
        return OF_IMAGES
    return OF_BOTH if design.equally else OF_SEEDS


def _method(found: Difference, main: Spread, n_seeds: int, design: Design) -> str:
    if not found.seeds:
        return "images alone: one seed, so nothing is known of other seeds"
    if main == found.least:
        what = "images" if found.images.single else "groups of images"
        return f"t over {found.images.n} {what}, wider than over seeds"
    of = "seeds and images" if design.equally else "seeds"
    alone = n_seeds >= ENOUGH_SEEDS or found.seeds.freedom <= n_seeds - 1
    pooled = "" if alone else ", with pairs alike"
    degrees = "1 degree" if main.freedom == 1 else f"{main.freedom:.3g} degrees"
    return f"t over {n_seeds} {of}{pooled}, {degrees} of freedom"


def _mcnemar(gap: np.ndarray, unit: np.ndarray) -> float | None:
    """Return the exact p-value of McNemar's test; None where gaps are not of single answers."""
    if not np.isin(gap, (-1, 0, 1)).all() or len(np.unique(unit)) < len(unit):
        return None
    return mcnemar_p_value(int((gap == 1).sum()), int((gap == -1).sum()))
