"""What stands for the records of a training in runs that trained no network."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from study.files import atomic_path
from study.runs.predictions import ROLE_CODES, roles_in_run


def imported_roles(
    saw: str, n_images: int, image_ids: Mapping[str, np.ndarray], stated: np.ndarray | None = None
) -> np.ndarray:
    """Return the role codes, uint8 N, of all images in an imported run.

    Test images are those of the combo's split: who was trained on one of them is not compared.

    Args:
        saw: "combo", "nothing" or "unknown", the images that the model was trained on.
        n_images: N.
        image_ids: int64, of "train", "val" and "test" in the combo's split.
        stated: str, N; names of roles in the file, which go before `saw`.
    """
    if saw == "combo" and stated is None:
        return roles_in_run(n_images, image_ids)
    if stated is None:
        roles = np.full(n_images, ROLE_CODES["unseen" if saw == "nothing" else "unknown"], np.uint8)
    else:
        seen = np.isin(stated, ["train", "val"])
        codes = np.array([ROLE_CODES[role] for role in stated.tolist()], np.uint8)
        roles = np.where(seen, codes, ROLE_CODES["unseen"]).astype(np.uint8)
    roles[image_ids["test"]] = ROLE_CODES["test"]
    return roles


def write_no_dynamics(path: str | Path) -> None:
    """Write the dynamics of a run that trained no network: the same arrays, without images."""
    names = ("image_id", "confidence", "variability", "correctness", "forgetting", "first_learnt")
    with atomic_path(path) as temporary:
        np.savez(temporary, **{name: np.zeros(0, np.int32) for name in (*names, "aum")})
