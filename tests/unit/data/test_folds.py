"""Folds: each image is tested once in a round of seeds, groups stay whole, rounds differ."""

import numpy as np
import pytest
from hypothesis import given, settings
from image_pools import RATIOS, assert_stratified, pools, seeds

from study.data.folds import ROLES, fold_of, shares
from study.data.splits import require_every_class, split_partition
from study.errors import StudyError


def split_by(config, seed, image_ids, labels, **options):
    """Return the split of one seed of a study with folds."""
    ratios, fold = shares(config["split"]), fold_of(config, seed)
    return split_partition(image_ids, labels, ratios, seed, fold=fold, **options)


def study(folds, n_seeds, first=0):
    return {"split": RATIOS | {"folds": folds}, "seeds": list(range(first, first + n_seeds))}


@settings(deadline=None)
@given(pools(), seeds)
def test_a_round_tests_each_image_once_and_splits_are_exhaustive_and_stratified(pool, seed):
    labels, _ = pool
    ids, config = np.arange(len(labels)), study(3, 6, seed)
    for first in (0, 3):
        splits = [split_by(config, s, ids, labels) for s in config["seeds"][first : first + 3]]
        tested = np.concatenate([split["test"] for split in splits])
        assert np.array_equal(np.sort(tested), ids)
        for split in splits:
            assert np.array_equal(np.sort(np.concatenate([split[role] for role in ROLES])), ids)
            assert_stratified(split["test"], ids, labels)


def test_the_roles_have_their_shares_and_another_round_draws_other_folds():
    labels, config = np.arange(1000) % 10, study(5, 10)
    splits = [split_by(config, seed, np.arange(1000), labels) for seed in config["seeds"]]
    assert {tuple(len(split[role]) for role in ROLES) for split in splits} == {(659, 141, 200)}
    assert shares(config["split"]) == pytest.approx({"train": 0.7 * 16 / 17, "val": 0.15 * 16 / 17,
                                                     "test": 0.2})  # fmt: skip
    assert not np.array_equal(splits[0]["test"], splits[5]["test"])
    assert not np.array_equal(splits[0]["val"], splits[1]["val"])
    # More seeds, at the end, change no split of those before.
    more = split_by(study(5, 15), 7, np.arange(1000), labels)
    assert all(np.array_equal(more[role], splits[7][role]) for role in ROLES)
    plain = {"split": RATIOS, "seeds": [3]}
    assert fold_of(plain, 3) is None and shares(RATIOS) == RATIOS


@pytest.mark.parametrize("whole", [True, False])
def test_a_group_has_one_role_and_is_tested_once_in_a_round(whole):
    labels, groups = np.repeat([0, 1], 60), np.repeat(np.arange(40), 3)
    config, ids = study(4, 4), np.arange(120)
    tested = []
    for seed in config["seeds"]:
        split = split_by(config, seed, ids, labels, groups=groups, whole=whole)
        tested += split["test"].tolist()
        roles = np.concatenate([np.full(len(split[role]), role) for role in ROLES])
        of_group = groups[np.concatenate([split[role] for role in ROLES])]
        assert all(len(set(roles[of_group == group])) == 1 for group in range(40))
    assert sorted(tested) == ids.tolist()


def test_more_folds_than_images_of_a_class_are_refused():
    labels, config = np.repeat([0, 1], [40, 4]), study(5, 5)
    with pytest.raises(StudyError, match=r"folds is 5 and the class .rare. has 4 images"):
        for seed in config["seeds"]:
            split = split_by(config, seed, np.arange(44), labels)
            require_every_class(split, labels, ["common", "rare"], "v1", folds=5)
