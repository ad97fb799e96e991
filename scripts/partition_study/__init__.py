"""The `study` command: it runs the library of the project that it is called in.

A copied folder brings the `.venv` of the original along, and a module called `study` may lie in
PYTHONPATH: neither takes the place of the library beside the study. In a folder without a project,
such as one of a study's own, it is that of the project which this file belongs to.
"""

import sys
from pathlib import Path


def main() -> None:
    """Run the command."""
    try:
        here = Path("scripts").absolute()
    except OSError:  # it was deleted, as before a new clone, or its drive is not connected
        sys.exit("error: the current folder is gone; cd to the project's folder once more")
    is_project = (here / "study" / "cli" / "main.py").is_file()
    sys.path.insert(0, str(here if is_project else Path(__file__).resolve().parents[1]))
    from study.cli.main import main as answer

    answer()
