"""Which of your own images belong together: a column of the table, or a pattern of the paths.

The workflow asks at every start, so numpy is not imported.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from study.data.datasets.image_names import Listed
from study.data.likely_groups import REST
from study.errors import StudyError, escaped
from study.wording import counted

_EXAMPLE = r"(patient\d+)"


def group_pattern(text: str) -> re.Pattern[str]:
    """Return the pattern that finds an image's group in its path.

    Raises:
        StudyError: it is no regular expression, or has no part in parentheses.
    """
    if text.startswith("-") or escaped(text) != text:
        raise StudyError(
            f"config: dataset.group is {text!r}, expected a pattern without control characters "
            "that does not begin with -, which reads like an option; write [-] for it"
        )
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise StudyError(
            f"config: dataset.group is {text!r}, no regular expression ({error}); write for "
            f"example group: '{_EXAMPLE}'"
        ) from error
    if not pattern.groups:
        raise StudyError(
            f"config: dataset.group is {text!r}, of which no part is in parentheses; put the part "
            f"that names the group there, such as group: '{_EXAMPLE}'"
        )
    return pattern


def grouped_by(images: Sequence[Listed], text: str) -> list[Listed]:
    """Return the images with their groups: what the pattern's parentheses find in their paths.

    Raises:
        StudyError: a path does not match, or the table of the images names their groups already.
    """
    pattern = group_pattern(text)
    if any(image.group for image in images):
        raise StudyError(
            "config: dataset.group is given, but the table of images has a column group; "
            "remove one of the two"
        )
    found = [_found(pattern, image.file) for image in images]
    missing = [image.file for image, group in zip(images, found, strict=True) if not group]
    if missing:
        rest = "" if len(missing) == len(images) else f"; images that are alone: '{text}{REST}'"
        raise StudyError(
            f"config: dataset.group {text!r} finds no group in {len(missing):,} of "
            f"{counted(len(images), 'path')}, such as {missing[0]}; expected one in each{rest}"
        )
    return [image._replace(group=group) for image, group in zip(images, found, strict=True)]


def _found(pattern: re.Pattern[str], file: str) -> str:
    match = pattern.search(file)
    return "/".join(part for part in match.groups() if part) if match else ""


def check_groups(images: Sequence[Listed], n_parts: int, n_roles: int) -> int | None:
    """Return how many groups the class with the fewest has, if it has enough; None without groups.

    Enough are one for each role in each partition. No group may be tested alone and trained on.

    Args:
        images: with their groups, or none of them has one.
        n_parts: partitions of the study.
        n_roles: roles that have a share: training, test and mostly validation.

    Raises:
        StudyError: a class has too few groups, or a group is both tested alone and trained on.
    """
    if not any(image.group for image in images):
        return None
    tests = {image.group for image in images if image.split == "test"}
    groups: dict[str, set[str]] = defaultdict(set)
    for image in images:
        if image.split == "test":
            continue
        groups[image.label].add(image.group)
        if image.group in tests:
            raise StudyError(
                f"dataset.test_path: images of the group {image.group!r} are there and in "
                f"dataset.path, such as {image.file}; move the group to one of the two"
            )
    needed = n_parts * n_roles
    label = min(groups, key=lambda label: len(groups[label]))
    names = groups[label]
    if len(names) < needed:
        has = f"only {counted(len(names), 'group')} ({', '.join(sorted(names)[:5])})"
        if len(names) == 1:
            has = f"all its images in one group, {min(names)!r}"
        parts = f"{counted(n_roles, 'role')} in {counted(n_parts, 'partition')}"
        raise StudyError(
            f"config: the class {label!r} has {has}, expected at least {needed}, one for each "
            f"of {parts}; make the partitions fewer, or add groups"
        )
    return len(names)
