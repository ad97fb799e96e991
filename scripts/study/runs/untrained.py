"""What stands for the records of a training in runs that trained no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from study.files import atomic_path, file_digest, read_json
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


def untrained_record(
    seed: int, classes: Sequence[str], data: str | Path, weights: str | Path
) -> dict[str, Any]:
    """Return what run.json says of every run that trained no network.

    Args:
        seed: of the run.
        classes: names in label order.
        data: record of all images, .json.
        weights: the file that stands for the weights of a training.
    """
    unknown = ("tuned", "lr_find", "gpu_energy_joules", "peak_gpu_memory_mb")
    return {
        "status": "ok",
        "seed": seed,
        "streams": {},
        **dict.fromkeys(unknown),
        "cuda_graph": False,
        "classes": classes,
        "image_shape": read_json(data)["images"][1:],
        "sha256": {"weights": file_digest(weights)},
    }


def write_no_dynamics(path: str | Path) -> None:
    """Write the dynamics of a run that trained no network: the same arrays, without images."""
    names = ("image_id", "confidence", "variability", "correctness", "forgetting", "first_learnt")
    with atomic_path(path) as temporary:
        np.savez(temporary, **{name: np.zeros(0, np.int32) for name in (*names, "aum")})
