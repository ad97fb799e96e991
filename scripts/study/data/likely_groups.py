"""Groups of images that their names suggest, such as bursts, where the study was told of none."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# A group has a folder of its own in its class, or files begin with a name that has a number, which
# the image's own number follows: IMG_1234_1.jpg, patient12 (3).png, video7frame0001.png.
_NAMED = r"^((?:.+/)?[^/]*\d[^/]*?)"
_USUAL = (
    r"^([^/]+/[^/]+)/",
    rf"{_NAMED}[_\-. ]+\(?\d{{1,4}}\)?\.\w+$",
    rf"{_NAMED}[_\-. ]*(?:frame|burst|shot|slice|view)[_\-. ]*\d+\.\w+$",
)
# All others are alone.
REST = "|(.+)$"


class Guess(NamedTuple):
    """What the paths of images say of groups.

    Attributes:
        pattern: finds the groups, for `dataset.group`.
        n_images: images that are not alone in their group.
        n_groups: their groups.
        fewest: groups of the class that has the fewest; images that are alone count.
        example: two paths of one group.
    """

    pattern: str
    n_images: int
    n_groups: int
    fewest: int
    example: tuple[str, str]


def likely_groups(files: Mapping[str, str] | Iterable[tuple[str, str]]) -> Guess | None:
    """Return the groups that paths suggest, such as bursts; None where most images look alone.

    Args:
        files: path and class of each image.

    Returns:
        The first usual pattern by which half of the images are in groups of several, unless a class
        would be a single group.
    """
    labels = dict(files)
    for pattern in _USUAL:
        groups: dict[str, list[str]] = defaultdict(list)
        for file in labels:
            if match := re.search(pattern, file):
                groups[match[1]].append(file)
        several = {name: members for name, members in groups.items() if len(members) > 1}
        n_images = sum(map(len, several.values()))
        in_class: dict[str, set[str]] = defaultdict(set)
        for file, label in labels.items():
            match = re.search(pattern, file)
            in_class[label].add(match[1] if match else file)
        fewest = min(map(len, in_class.values()), default=0)
        if several and 2 * n_images >= len(labels) and fewest > 1:
            first, second = next(iter(several.values()))[:2]
            return Guess(pattern + REST, n_images, len(several), fewest, (first, second))
    return None
