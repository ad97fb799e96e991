"""The list of all images, hardest first, with what is known of each image."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from study.data.index import Index
from study.errors import StudyError
from study.files import read_table


def read_ranking(path: str | Path, n_images: int) -> pd.DataFrame:
    """Return the table of all images, hardest first.

    Raises:
        StudyError: it is damaged, has other images, or lacks their classes.
    """
    table = read_table(path)
    if "image_id" not in table or sorted(table["image_id"]) != list(range(n_images)):
        raise StudyError(
            f"{path}: expected a row for each of the {n_images:,} images; "
            "find the hard examples again"
        )
    if "class" not in table:
        raise StudyError(f"{path}: has no column 'class'; find the hard examples again")
    return table


def ranked(
    scores: pd.DataFrame,
    index: Index,
    partitions: Mapping[str, np.ndarray],
    duplicates: pd.DataFrame,
    people: pd.DataFrame,
) -> pd.DataFrame:
    """Return the scores with what is known of the images in front and what people say behind.

    Args:
        scores: what `study.hardness.scores.hardness_table` returned.
        index: all images.
        partitions: image_ids by the name of their partition.
        duplicates: pairs of images that are nearly the same: `image_id`, `other_id` and distances.
        people: what `study.hardness.human_votes.human_columns` returned.

    Returns:
        One row per image, hardest first, with the names of classes for their numbers.
    """
    n = len(index.labels)
    partition = np.full(n, "", dtype=object)
    for name, image_ids in partitions.items():
        partition[image_ids] = name
    names = np.array([*index.classes, ""])  # -1, no class, is the last
    known = pd.DataFrame(
        {
            "image_id": np.arange(n),
            "file": index.files,
            "source_split": index.source_split,
            "partition": partition,
            "class": names[index.labels],
        }
    )
    said = {name: names[scores[name]] for name in ("consensus", "second", "other_class")}
    scores = scores.assign(**said)
    table = pd.concat([known, scores, _nearest(duplicates, index.labels), people], axis=1)
    return table.sort_values(
        ["hardness", "p_label_mean", "image_id"],
        ascending=[False, True, True],
        ignore_index=True,
        na_position="last",
    )


def _nearest(pairs: pd.DataFrame, labels: np.ndarray) -> pd.DataFrame:
    """Return of each image the nearest near-duplicate, and whether one has another label."""
    image_ids = pd.RangeIndex(len(labels))
    distance = pairs[["pixel_distance", "low_frequency_distance"]].min(axis=1)
    pairs = pairs[["image_id", "other_id"]].assign(distance=distance)
    swapped = pairs.rename(columns={"image_id": "other_id", "other_id": "image_id"})
    pairs = pd.concat([pairs, swapped], ignore_index=True)
    differ = pairs["image_id"][labels[pairs["image_id"]] != labels[pairs["other_id"]]]
    nearest = pairs.sort_values("distance").drop_duplicates("image_id").set_index("image_id")
    nearest = nearest.reindex(image_ids)
    return pd.DataFrame(
        {
            "near_duplicate": nearest["other_id"],
            "near_duplicate_distance": nearest["distance"],
            "near_duplicate_other_label": image_ids.isin(differ),
        }
    )


def confusions(hard: pd.DataFrame) -> pd.DataFrame:
    """Return how often images of each `label` are `other_class` which, the most frequent first.

    Args:
        hard: rows of what `ranked` returned.
    """
    return (
        hard.groupby(["class", "other_class"])
        .size()
        .sort_values(ascending=False, kind="stable")
        .reset_index(name="n")
        .rename(columns={"class": "label"})
    )
