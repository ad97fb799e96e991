"""What the workflow must know of a study's images before any job runs."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from study.data.datasets import dataset
from study.data.datasets.digest import digest_of_images
from study.data.datasets.image_groups import check_groups
from study.data.datasets.listing import list_images
from study.data.folds import shares
from study.data.names import OWN
from study.errors import StudyError
from study.files import recorded, with_home


class OwnImages(NamedTuple):
    """What the workflow must know of your own images.

    Attributes:
        digest: of their names, classes, groups and contents; "" for other data.
        grouped: whether some belong together.
    """

    digest: str = ""
    grouped: bool = False


def own_images(
    config: Mapping[str, Any],
    manifest: str | Path,
    remembered: str | Path,
    made_with: Mapping[str, Any] | None = None,
) -> OwnImages:
    """Check that the partitions fit, and return what must be known of your own images.

    Where the images are gone but were decoded before, as in a study that was bundled elsewhere, it
    is what was known then.

    Args:
        config: a checked configuration.
        manifest: what decoding wrote of the images, if it has.
        remembered: where digests of single files are kept between calls, see `digest_of_images`.
        made_with: the dataset's part of the configuration that the study was made with. Where it
            has another path, a missing one is a mistyped one. Default: unknown.

    Raises:
        StudyError: the images cannot be listed, the partitions ask for more than there are, or a
            class has too few groups.
    """
    wanted = config["dataset"]
    if wanted["name"] not in OWN:
        return OwnImages()
    path = with_home(wanted["path"])
    before = _images_of(manifest, wanted["name"])
    moved = bool(made_with) and made_with.get("path") != wanted["path"]
    if before.digest and not path.exists() and not moved:
        print(
            f"note: {path} is not here; going on with the images that were decoded from it",
            file=sys.stderr,
        )
        return before
    listing = list_images(
        wanted["path"], wanted["test_path"], wanted.get("group", ""), wanted.get("classes")
    )
    n_roles = sum(share > 0 for share in shares(config["split"]).values())
    check_groups(listing.images, len(config["partitions"]), n_roles)
    sizes = [partition["size"] for partition in config["partitions"]]
    n_images = sum(image.split == "train" for image in listing.images)
    if isinstance(sizes[0], int) and sum(sizes) > n_images:
        first = config["partitions"][0]["name"]
        raise StudyError(
            f"config: the partitions ask for {sum(sizes)} images but {wanted['path']} has "
            f"{n_images}; make them smaller, or write shares of the images, such as "
            f"{{name: {first}, size: {1 / len(sizes):.2g}}}"
        )
    grouped = any(image.group for image in listing.images)
    return OwnImages(digest_of_images(listing, remembered), grouped)


def count_images(config: Mapping[str, Any], manifest: str | Path) -> int:
    """Return how many images a study's data set has: as decoded, else as is known before.

    Of an archive that is not the official one, that is as many as the partitions ask for.

    Args:
        config: a checked configuration.
        manifest: what decoding wrote of the images, if it has.

    Raises:
        StudyError: your own images cannot be listed.
    """
    wanted = config["dataset"]
    # The jobs that read a damaged file name it and the command that makes it again. That command
    # plans the study too, so planning must not end with the same line.
    if decoded := recorded(manifest):
        return decoded["images"][0]
    if wanted["name"] in OWN:
        listing = list_images(wanted["path"], wanted["test_path"], classes=wanted.get("classes"))
        return len(listing.images)
    sizes = [partition["size"] for partition in config["partitions"]]
    known = not wanted["checksums"] or not isinstance(sizes[0], int)
    return dataset(wanted["name"]).n_images if known else sum(sizes)


def image_side(wanted: Mapping[str, Any]) -> int:
    """Return height and width in pixels that images have by a configuration's `dataset`."""
    return wanted["image_size"] if wanted["name"] in OWN else dataset(wanted["name"]).side


def memory_of_images(
    n_images: int, side: int, *, base: int, least: int, value_bytes: int = 1
) -> int:
    """Return the memory in MB of a job that holds all images.

    Args:
        n_images: how many there are.
        side: height and width of those that it holds, pixels.
        base: MB that the job takes beside them.
        least: what the job asks for in any case.
        value_bytes: of each value of a pixel.
    """
    return max(least, base + n_images * side**2 * 3 * value_bytes // 10**6)


def _images_of(manifest: str | Path, name: str) -> OwnImages:
    content = recorded(manifest)
    if content.get("dataset") != name:
        return OwnImages()
    digest = content["sources"]["images"].removeprefix("sha256:")
    return OwnImages(digest, "groups" in content)
