import functools
import itertools
import json

from study.config.partition_checks import has_external_test, keeps_together
from study.data.corrections import (
    corrections_digest,
    corrections_file,
    read_corrections,
)
from study.data.datasets import dataset_modules
from study.data.datasets.planning import (
    count_images,
    image_side,
    memory_of_images,
    own_images,
)
from study.data.folds import fold_of, shares
from study.data.verdicts import verdicts_digest
from study.files import csv_rows, with_home
from study.runs.made_with import made_with
from study.runs.tree import ResultsTree

# With which configuration the results were made, as far as it is known.
MADE_WITH = made_with(ResultsTree(Path("results"))).get("config", {})

# Of a user's images. Their digest, "" for other data, is a parameter of the job that reads them, so
# that another image or group runs it again.
with end_in_one_line():
    OWN_IMAGES = own_images(
        config,
        "results/data/manifest.json",
        "results/scratch/own_images.json",
        MADE_WITH.get("dataset"),
    )

    # What people said of images changes, by file, where the study is told of it.
    CORRECTIONS = corrections_file(
        DATASET,
        "results/data/verdicts.csv",
        "results/data/corrections.csv",
        spare="results/scratch/corrections.csv",
        made_with=MADE_WITH.get("dataset"),
    )
    CORRECTED = read_corrections(CORRECTIONS) if CORRECTIONS else {}
    # And all that they said, which the gallery goes on from.
    VERDICTS = verdicts_digest(CORRECTIONS) if CORRECTIONS else ""

    N_IMAGES = count_images(config, "results/data/manifest.json")
    IMAGE_SIDE = image_side(DATASET)

MEMORY_OF_TRAINING = memory_of_images(N_IMAGES, IMAGE_SIDE, base=3500, least=4000)
# Pictures of 64×64 pixels at most, as float32.
MEMORY_OF_PAIRS = memory_of_images(
    N_IMAGES, min(IMAGE_SIDE, 64), base=1000, least=2000, value_bytes=4
)
# 6 kB an image: what a network makes of it, and of those that it trained on once more.
MEMORY_OF_PREDICTING = memory_of_images(
    N_IMAGES, min(IMAGE_SIDE, 32), base=2500, least=3000, value_bytes=2
)


# The table of all images that everything but drawing and training goes by.
INDEX = "results/data/corrected.csv" if CORRECTIONS else "results/data/index.csv"


# A user's test images are in no partition, and every run is measured on them.
EXTERNAL_TEST = ["--external-test"] if has_external_test(config) else []


def problems_table():
    """Return the list of unusable files as an input, if the images are a user's."""
    return ["results/data/problems.csv"] if OWN_IMAGES.digest else []


def checksums(wildcards):
    """Return the user's list of md5 digests as an input, if there is one."""
    return [local(with_home(DATASET["checksums"]))] if DATASET["checksums"] else []


def own_options():
    """Return the options of the job that reads a user's images, if there are any."""
    if not OWN_IMAGES.digest:
        return []
    return [
        *("--image-size", DATASET["image_size"]),
        *("--fit", DATASET["fit"]),
        *("--digest", OWN_IMAGES.digest),
    ]


def partitions_until(partition):
    """Return the names of the partitions that are drawn before one, and its own."""
    names = list(PARTITIONS)
    return names[: names.index(partition) + 1]


def partition_lists(names):
    """Return the lists of images of partitions."""
    return expand("results/partitions/{partition}.csv", partition=names)


def partition_duplicates(wildcards):
    """Return the table of near-duplicates that a partition keeps together, if it takes groups."""
    if OWN_IMAGES.grouped and keeps_together(config):
        return ["results/data/near_duplicates.csv"]
    return []


def split_lists(wildcards):
    """Return the lists of the images that a split divides; none for the official one."""
    if wildcards.part == OFFICIAL:
        return []
    return partition_lists(wildcards.part.removesuffix(AFRESH).split("+"))


def split_duplicates(wildcards):
    """Return the table of near-duplicates that a partition's split keeps together, if it does."""
    of_partition = wildcards.part != OFFICIAL and not wildcards.part.endswith(AFRESH)
    if of_partition and keeps_together(config):
        return ["results/data/near_duplicates.csv"]
    return []


def split_options(wildcards):
    """Return of which kind a split is, and its shares."""
    if wildcards.part == OFFICIAL:
        val = config["official"]["val"]
        return ["--kind", "official", "--val", val, *corrected_here(wildcards)]
    kind = "afresh" if wildcards.part.endswith(AFRESH) else "partition"
    ratios = sorted(shares(config["split"]).items())
    fold = fold_of(config, int(wildcards.seed))
    return [
        "--kind",
        kind,
        *(word for role, ratio in ratios for word in (f"--{role}", ratio)),
        *(["--fold", *fold] if fold else []),
        *corrected_here(wildcards),
    ]


@functools.cache
def files_of_images(_changed):
    """Return the file of each image of the data set, which last changed then."""
    return [row["file"] for row in csv_rows("results/data/index.csv")]


def corrected_here(wildcards):
    """Return the digest of what corrections change in a split, an option that runs it again.

    Before the images and the partition are there, that of all corrections stands in for it:
    Snakemake asks again when they are.
    """
    files, index = None, Path("results/data/index.csv")
    lists = [*map(Path, split_lists(wildcards))]
    if CORRECTED and all(path.is_file() for path in (index, *lists)):
        files = files_of_images(index.stat().st_mtime_ns)
        if lists:
            rows = itertools.chain.from_iterable(map(csv_rows, lists))
            files = [files[int(row["image_id"])] for row in rows]
    digest = corrections_digest(CORRECTED, files)
    return ["--corrected", digest] if digest else []
