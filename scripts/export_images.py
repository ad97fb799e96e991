#!/usr/bin/env python
"""Write every image as a PNG file in a folder of its class, named by its image_id."""

import argparse
import functools
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from study.data.index import read_index
from study.files import atomic_path, read_array
from study.job import run_script

_CHUNK = 1000


def write_images(images_path: str, targets: list[Path], start: int) -> int:
    """Write images `start`, `start` + 1, … to `targets`; return how many."""
    images = read_array(images_path)
    for image, target in zip(images[start : start + len(targets)], targets, strict=True):
        Image.fromarray(image).save(target)
    return len(targets)


def main(arguments: argparse.Namespace) -> None:
    """Write <output>/<class>/<image_id>.png for all images."""
    index = read_index(arguments.index)
    names = [index.classes[label] for label in index.labels]
    with atomic_path(arguments.output) as folder:
        for name in index.classes:
            (folder / name).mkdir(parents=True)
        targets = [folder / name / f"{image_id:05d}.png" for image_id, name in enumerate(names)]
        starts = range(0, len(targets), _CHUNK)
        write = functools.partial(write_images, arguments.images)
        with (
            ProcessPoolExecutor(arguments.threads) as pool,
            tqdm(total=len(targets), unit="image", disable=None) as progress,
        ):
            for written in pool.map(
                write, (targets[start : start + _CHUNK] for start in starts), starts
            ):
                progress.update(written)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--threads", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument("--output", required=True, help="folder to make")
    run_script(parser, main)
