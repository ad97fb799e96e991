"""The table of all images of a made-up study."""

from collections.abc import Container, Sequence
from pathlib import Path

from study.files import write_csv


def write_index(
    path: Path, labels: Sequence[int], classes: Sequence[str], tested: Container[int] = ()
) -> None:
    """Write the table of images of these labels, whose files are <image_id>.png.

    Args:
        path: of the table.
        labels: of each image, a place in `classes`.
        classes: their names.
        tested: image_ids of the publisher's test images.
    """
    rows = [
        (i, label, classes[label], "test" if i in tested else "train", f"{i}.png")
        for i, label in enumerate(labels)
    ]
    write_csv(path, ["image_id", "label", "class", "source_split", "file"], rows)
