"""A pickle that runs code."""

import os
from pathlib import Path


class Trap:
    """Who unpickles this makes a folder."""

    def __init__(self, folder: Path | str):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)
