"""Write a ready configuration for a study of images of your own.

The images are a folder with a sub-folder for each class, or a CSV file of paths and labels.
"""

import argparse
import os
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from study.cli.proposal import LEAST, configuration, planned, shown
from study.code import PROJECT
from study.config.recipes import merged
from study.config.study import check_study
from study.config.texts import check_path
from study.data.datasets.folder_parts import images_and_tests, parts_in
from study.data.datasets.image_kinds import HEIF, reads_heif
from study.data.datasets.listing import Listing, list_images, named
from study.data.datasets.pictures import size_of
from study.errors import StudyError
from study.files import read_yaml, with_home, write_text
from study.wording import counted

_SAMPLE = 200  # images whose sizes are looked at


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "study", metavar="STUDY", help="configuration to write, such as my_study.yaml"
    )
    parser.add_argument(
        "--images",
        required=True,
        help="folder with a sub-folder for each class, or .csv with the columns path,label",
    )
    parser.add_argument(
        "--test-images", default="", help="the same with images that are for testing alone"
    )


def answer(arguments: argparse.Namespace) -> None:
    """Write the configuration and say what comes next."""
    target = Path(arguments.study)
    if os.path.lexists(target):
        raise StudyError(f"{target} exists already; give another name, or take it away")
    if target.suffix not in (".yaml", ".yml"):
        raise StudyError(f"{target} should end in .yaml, as Snakemake wants configuration files to")
    check_path("--images", arguments.images)
    check_path("--test-images", arguments.test_images)
    images, tests, notes = _parts_taken(arguments.images, arguments.test_images)
    listing = list_images(images, tests)
    counts = Counter(image.label for image in listing.images)
    scarce, fewest = min(counts.items(), key=lambda item: (item[1], item[0]))
    if fewest < LEAST:
        raise StudyError(
            f"{images}: the class {scarce!r} has {counted(fewest, 'image')}, "
            f"expected at least {LEAST} to train, validate and test with; "
            "add some, or take it out"
        )
    sizes = _sizes(listing)
    plan = planned(len(listing.images), fewest, sizes)
    text = configuration(images, tests, listing, counts, sizes, plan)
    config = merged(read_yaml(PROJECT / "config" / "config.yaml"), yaml.safe_load(text))
    check_study(config, PROJECT)
    write_text(target, text)
    given = shlex.quote(str(target))
    for note in [*notes, *_unread(listing)]:
        print(f"note: {note}", file=sys.stderr)
    print(
        f"wrote {target}: {len(listing.images):,} images of {len(counts)} classes "
        f"({_names(listing.classes)}); "
        "decoding says whether one of them is broken. Read it, then:\n\n"
        f"  study plan --configfile {given}                              # how long it takes here\n"
        f"  snakemake --dry-run --configfile {given}                     # what would run\n"
        f"  snakemake --cores 4 --resources gpu=1 --configfile {given}   # the study\n"
        f"  snakemake --report --configfile {given}                      # report.html"
    )


def _parts_taken(images: str, tests: str) -> tuple[str, str, list[str]]:
    """Return where the images and test images are, and what to say of it.

    They are as given, but for a folder of parts, train/ and test/, which is no folder of classes.
    """
    parts = parts_in(with_home(images))
    found, found_tests = images_and_tests(parts)
    if not found:
        return images, tests, []
    taken = {"the study": str(Path(images) / found.name)}
    if found_tests and not tests:
        taken["testing alone (the combo `official`)"] = str(Path(images) / found_tests.name)
    used = [Path(path).name for path in taken.values()]
    left = {part: folder for part, folder in parts.items() if folder.name not in used}
    note = f"{images} holds {named(parts)}, not classes: took " + " and ".join(
        f"{path} for {what}" for what, path in taken.items()
    )
    if left:
        note += f"; {named(left)} left out" + (
            " (the study draws its own validation images)" if "val" in left else ""
        )
    return *[*taken.values(), tests][:2], [note]


def _unread(listing: Listing) -> list[str]:
    kinds = Counter(image.path.suffix.lower() for image in listing.images)
    unread = [f"{kinds[kind]:,} {kind}" for kind in sorted(HEIF & kinds.keys())]
    if not unread or reads_heif():
        return []
    return [
        f"{' and '.join(unread)} (photographs of a phone) cannot be read here: install pillow-heif "
        "(pip install pillow-heif), save them as JPEG, or write skip_broken: true"
    ]


def _names(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - 5} more" if len(classes) > 5 else ""
    return ", ".join(map(shown, classes[:5])) + more


def _sizes(listing: Listing) -> np.ndarray:
    """Return width and height of some images, spread evenly over all, int n×2."""
    step = max(len(listing.images) // _SAMPLE, 1)
    sizes = []
    for image in listing.images[::step]:
        try:
            sizes.append(size_of(image.path))
        except Exception:  # a broken one says nothing here; the study lists it
            continue
    return np.array(sizes, np.int64).reshape(-1, 2)
