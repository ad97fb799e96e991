"""A folder in which one study lies, with its configuration, its results and a way to the rules."""

import tempfile
from pathlib import Path

from study.code import PROJECT
from study.config.recipes import CONFIG
from study.errors import StudyError


def make_folder(folder: Path, configuration: str) -> None:
    """Make a folder for a study, or nothing at all.

    In it `snakemake` finds the configuration, and by a link the project's rules and profiles.

    Args:
        folder: that is not there yet; those above it are made too.
        configuration: text of its config/config.yaml.

    Raises:
        StudyError: it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new.", dir=folder.parent) as scratch:
            made = Path(scratch, folder.name)
            (made / CONFIG).parent.mkdir(parents=True)
            (made / CONFIG).write_text(configuration, encoding="utf-8")
            (made / "workflow").symlink_to(PROJECT / "workflow", target_is_directory=True)
            made.rename(folder)
    except OSError as error:
        raise StudyError(
            f"{folder} cannot be made ({error.strerror}); give another place"
        ) from None
