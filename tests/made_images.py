"""Image files that tests make: a few small ones of one colour each."""

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"Straße 1": (200, 30, 30), "été": (30, 200, 30), '<b>x, "q"': (30, 30, 200)}


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    """Return an image as the content of a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def coloured(folder: Path, per_class: int = 8, colours=COLOURS) -> Path:
    """Write small images of one colour and some noise, in all the usual formats."""
    random = np.random.default_rng(3)
    for name, colour in colours.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            noise = random.integers(-25, 26, (40, 48, 3))
            image = Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))
            image.save(folder / name / f"bild {i}.{('png', 'jpg', 'webp', 'bmp')[i % 4]}")
    return folder


def write_members(folder: Path, members: dict[str, bytes]) -> dict[str, str]:
    """Write files into a new folder; return their md5 by name."""
    folder.mkdir(parents=True)
    for name, content in members.items():
        (folder / name).write_bytes(content)
    return {name: hashlib.md5(content).hexdigest() for name, content in members.items()}
