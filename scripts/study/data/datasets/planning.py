"""What the workflow must know of a user's own images before any job runs."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.data.datasets import SIZES
from study.data.datasets.listing import digest_of_images, list_images, place
from study.data.names import OWN
from study.errors import StudyError


def digest_of_own(config: Mapping[str, Any], manifest: str | Path, remembered: str | Path) -> str:
    """Return a digest of the user's own images, "" for a study of other data, after a check that the partitions fit.

    Where the images are gone but were decoded before, as in a study that was bundled elsewhere, it is the digest of then.

    Args:
        config: a checked configuration.
        manifest: what decoding wrote of the images, if it has.
        remembered: where digests of single files are kept between calls, see `study.data.datasets.listing.digest_of_images`.

    Raises:
        StudyError: the images cannot be listed, or the partitions ask for more than there are.
    """
    dataset = config["dataset"]
    if dataset["name"] not in OWN:
        return ""
    path = place(dataset["path"])
    recorded = _recorded(Path(manifest), dataset["name"])
    if recorded and not path.exists():
        print(
            f"note: {path} is not here; going on with the images that were decoded from it",
            file=sys.stderr,
        )
        return recorded
    listing = list_images(dataset["path"], dataset["test_path"])
    sizes = [partition["size"] for partition in config["partitions"]]
    if isinstance(sizes[0], int) and sum(sizes) > len(listing.images):
        raise StudyError(
            f"config: the partitions ask for {sum(sizes)} images but {dataset['path']} has {len(listing.images)}; make them smaller, or write shares "
            f"of the images, such as {{name: {config['partitions'][0]['name']}, size: {1 / len(sizes):.2g}}}"
        )
    return digest_of_images(listing, remembered)


def count_images(config: Mapping[str, Any], manifest: str | Path) -> int:
    """Return how many images a study's data set has: as decoded, or else as far as is known before, at least as many as partitions ask for.

    Args:
        config: a checked configuration.
        manifest: what decoding wrote of the images, if it has.

    Raises:
        StudyError: images of the user's own cannot be listed.
    """
    dataset = config["dataset"]
    if Path(manifest).is_file():
        return json.loads(Path(manifest).read_text(encoding="utf-8"))["images"][0]
    if dataset["name"] in OWN:
        return len(list_images(dataset["path"], dataset["test_path"]).images)
    sizes = [partition["size"] for partition in config["partitions"]]
    known = not dataset["checksums"] or not isinstance(sizes[0], int)
    return SIZES[dataset["name"]] if known else sum(sizes)


def _recorded(manifest: Path, name: str) -> str:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return (
        content["sources"]["images"].removeprefix("sha256:") if content["dataset"] == name else ""
    )
