"""What people said about the images: their votes, and what follows from these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import entr

# From this share of dissenting people on, an image counts as hard for people.
HARD_FOR_PEOPLE = 0.25
REVIEW_ANSWERS = ("given", "guessed", "neither", "both")


@dataclass(frozen=True)
class HumanVotes:
    """How people answered, image by image.

    Attributes:
        image_ids: int64, n, each once.
        votes: int64, n×A; how many people gave each of A answers, at least one an image.
        label: int64, n; the answer that stands for the image's label.
        reviews: whether people were asked about the label itself, and not for the class.
    """

    image_ids: np.ndarray
    votes: np.ndarray
    label: np.ndarray
    reviews: bool = False


def human_targets(people: HumanVotes) -> pd.DataFrame:
    """Return what people's votes say of each image.

    Returns:
        One row per image:

        - `image_id` and `human_n`, how many people answered;
        - `human_error`, the share of people whose answer is not the label;
        - `human_entropy` of the answers, in nats;
        - `human_rejects`, whether people took the image for something else: another answer has
          more votes than the label, and at least two (in reviews: fewer than half confirmed it);
        - `human_hard`, whether `human_error` is at least `HARD_FOR_PEOPLE`.
    """
    votes, total = people.votes, people.votes.sum(axis=1)
    rows = np.arange(len(votes))
    agreeing = votes[rows, people.label]
    if people.reviews:
        rejects = 2 * agreeing < total
    else:
        others = votes.copy()
        others[rows, people.label] = 0
        most = others.max(axis=1)
        rejects = (most > agreeing) & (most >= 2)
    error = 1 - agreeing / total
    return pd.DataFrame(
        {
            "image_id": people.image_ids,
            "human_n": total,
            "human_error": error,
            # Sorted, so that like votes for other classes give the same entropy to the last bit:
            # ties stay ties.
            "human_entropy": entr(np.sort(votes, axis=1) / total[:, None]).sum(axis=1),
            "human_rejects": rejects,
            "human_hard": error >= HARD_FOR_PEOPLE,
        }
    )


def human_columns(
    sources: Mapping[str, HumanVotes], classes: Sequence[str], n: int
) -> pd.DataFrame:
    """Return what people said of each image, in columns that stand beside what runs say of it.

    Args:
        sources: votes by the name of their source; of two sources for one image the first counts.
        classes: K names.
        n: how many images the data set has.

    Returns:
        n rows, in order of image_id. Without sources of a kind its columns are missing.

        Votes for classes give `human_source`, `human_n` people, and `human_error`, `human_entropy`
        and `human_rejects` of `human_targets`. They also give `human_top`: the answer that most
        people gave (of equal ones the first; "none" if most chose no class; empty where nobody was
        asked). Reviews of labels give `review_<answer>`, how many people gave that answer.
    """
    answers = np.array([*classes, "none"])
    columns = pd.DataFrame(index=pd.RangeIndex(n))
    for name, people in sources.items():
        if people.reviews:
            table = pd.DataFrame(
                people.votes, people.image_ids, [f"review_{answer}" for answer in REVIEW_ANSWERS]
            )
            table = table.astype("Int64")
        else:
            table = human_targets(people).set_index("image_id").drop(columns="human_hard")
            table.insert(0, "human_source", name)
            table["human_n"] = table["human_n"].astype("Int64")
            table.insert(4, "human_top", answers[people.votes.argmax(axis=1)])
            table["human_rejects"] = table["human_rejects"].astype("boolean")
        new = table.reindex(columns.index)
        order = list(dict.fromkeys([*columns, *new]))
        columns = columns.combine_first(new)[order]
    return columns
