"""The spread over seeds of the differences in a study, each learnt from all pairs of its kind."""

from collections.abc import Callable, Sequence

import numpy as np

from study.comparison.answers import Family, Study
from study.comparison.spread import (
    Spread,
    residual,
    size_classes,
    spread_of_pairs,
)


def alike(study: Study, family: Family, measure: str) -> Callable[[int, int], Spread]:
    """Return a function of the positions of two groups of a family.

    It returns the variance over seeds of their difference, pooled over pairs of their kind. Pairs
    of a kind are combos of the same two sizes, or the same two models on combos of one size. Where
    too few of these have all their runs, all pairs of the family count, and after these all of the
    study.
    """
    means = study.means(measure)
    combos = [combo for combo in study.combos if study.apart(combo) == family.apart]
    n_train = study.n_train
    classes = dict(zip(combos, size_classes([n_train[c] for c in combos]), strict=True))
    rows = {g: values for g, values in means.items() if g[0] in classes}
    seeds = ~np.isnan(np.array(list(rows.values()))).all(axis=0)
    rows = {group: values[seeds] for group, values in rows.items()}
    nothing = np.full(seeds.sum(), np.nan)
    family_rows = [rows[group] for group in family.groups if group in rows]
    # One answer that all combos share is one row.
    first = {group[1]: group for group in reversed(rows)}
    all_rows = [r for g, r in rows.items() if study.varies(g[1], "combo") or g == first[g[1]]]
    known: dict[tuple, Spread] = {}

    def of_kind(kind: tuple) -> Spread:
        if family.kind == "combos":
            tables = [
                np.array([rows.get((c, family.shared), nothing) for c in combos if classes[c] == k])
                for k in dict.fromkeys(kind)
            ]
            return spread_of_pairs(*tables)
        of_size = [c for c in combos if classes[c] == classes[family.shared]]
        a, b = (np.array([rows.get((c, m), nothing) for c in of_size]) for m in kind)
        return spread_of_pairs(b - a, np.zeros((1, len(nothing))))

    def of_pair(a: int, b: int) -> Spread:
        kind = family.names[a], family.names[b]
        if family.kind == "combos":
            kind = tuple(sorted(classes[name] for name in kind))
        if kind not in known:
            known[kind] = of_kind(kind) or _of_any_pair(family_rows) or _of_any_pair(all_rows)
        return known[kind]

    return of_pair


def _of_any_pair(rows: Sequence[np.ndarray]) -> Spread:
    noise = residual(np.array(rows))
    return Spread(2 * noise.variance, noise.freedom)
