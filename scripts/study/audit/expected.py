"""What a study's runs, partitions, splits and common tests must be, derived again.

From its configuration, the labels of its images and their corrections alone: what lies in results/
is compared with this, and not with itself.
"""

import itertools
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from study.config.imports import model_names
from study.config.partition_checks import has_external_test, keeps_together
from study.data.corrected import corrected
from study.data.corrections import Corrections
from study.data.folds import fold_of, shares
from study.data.groups import together
from study.data.index import Index
from study.data.names import OFFICIAL
from study.data.partitions import draw_partitions
from study.data.splits import common_test, split_official, split_partition
from study.runs.run import Run, run_of


class Expected:
    """A study as its configuration asks for it.

    Attributes:
        config: the whole configuration.
        index: of all images, with corrections.
        given: the same as decoded, by which partitions and splits are drawn.
        pairs: int64, P×2; near-duplicates.
        groups: int64, N; images that have one role, see `split_partition`, or None.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        given: Index,
        pairs: np.ndarray,
        corrections: Corrections | None = None,
    ):
        self.config, self.given, self.pairs = config, given, pairs
        self.index = given if corrections is None else corrected(given, corrections)
        self.groups = together(given, pairs if keeps_together(config) else None)
        self.split = cache(self._split)  # a run of each model asks for it
        self.common_test = cache(self._common_test)

    def runs(self, results: Path) -> list[Run]:
        """Return the runs, which lie in a folder of results, in their order."""
        keys = self.config["combos"], model_names(self.config), self.config["seeds"]
        return [run_of(results, *key) for key in itertools.product(*keys)]

    @cached_property
    def partitions(self) -> dict[str, np.ndarray]:
        """The sorted image_ids of each partition, int64."""
        sizes = {part["name"]: part["size"] for part in self.config["partitions"]}
        seed = self.config["partition_seed"]
        groups = None if self.given.groups is None else self.groups
        apart = self.given.publishers_test if has_external_test(self.config) else None
        return draw_partitions(self.given.labels, sizes, seed, apart, groups)

    @cached_property
    def external_test(self) -> np.ndarray | None:
        """The image_ids that all are tested on alone, int64; None in a study without such."""
        return self.index.publishers_test if has_external_test(self.config) else None

    def _split(self, name: str, seed: int) -> dict[str, np.ndarray]:
        """Return the sorted image_ids of each role of a partition, or of `official`, int64."""
        kept = self.index.kept
        return {role: ids[kept[ids]] for role, ids in self._drawn(name, seed).items()}

    def _drawn(self, name: str, seed: int) -> dict[str, np.ndarray]:
        labels, config = self.given.labels, self.config
        if name == OFFICIAL:
            val = config["official"]["val"]
            return split_official(self.given.source_split, labels, val, seed, self.given.groups)
        grouped = self.given.groups is not None
        ids, ratios = self.partitions[name], shares(config["split"])
        fold = fold_of(config, seed)
        return split_partition(ids, labels, ratios, seed, self.groups, grouped, fold)

    def _common_test(self, seed: int) -> np.ndarray:
        return common_test(self.split(name, seed) for name in self.partitions)

    def splits_of(self, run: Run) -> dict[str, dict[str, np.ndarray]]:
        """Return the splits that a run is trained on, by their names."""
        return {name: self.split(name, run.seed) for name in run.combo.split("+")}
