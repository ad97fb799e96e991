"""Whether results/ holds another study than the one that is asked for: one folder holds one."""

import contextlib
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.code import PROJECT
from study.config.asked import what_is_asked
from study.config.recipes import CONFIG
from study.data.datasets.digest import digest_of_images
from study.data.datasets.listing import list_images
from study.data.names import OWN
from study.errors import StudyError
from study.files import recorded, with_home, write_json
from study.runs.made_with import made_with, started
from study.runs.tree import ResultsTree

_TREE = ResultsTree(Path("results"))
# Where Snakemake looks for the rules of the folder in which it is called.
_SNAKEFILES = ("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile")
# A file in one of these took time to make. A first command that fails at once leaves none.
_WORK = ("data", "runs", "lr_find", "tune", "features", "study.json")


def given_configfiles(configfiles: Sequence[str]) -> list[str]:
    """Return which configuration files were given beside the default one, as seen from here."""
    files = [os.path.relpath(path) for path in configfiles]
    return [path for path in dict.fromkeys(files) if path != CONFIG]


def remember(config: Mapping[str, Any], configfiles: Sequence[str]) -> None:
    """Note with which configuration results are being made from here on."""
    with contextlib.suppress(OSError):  # the first job says better that nothing can be written
        write_json(started(_TREE), {"configfiles": list(configfiles), "config": config})


def require_same_study(config: Mapping[str, Any], configfiles: Sequence[str]) -> None:
    """Insist that results/ hold no other study, see `what_other_study`.

    Raises:
        StudyError: they do.
    """
    if other := what_other_study(config, configfiles):
        raise StudyError(f"{other}; to replace it on purpose, add `--config overwrite=true`")


def what_other_study(
    config: Mapping[str, Any], configfiles: Sequence[str], command: str = "snakemake"
) -> str:
    """Return which other study results/ holds, and what to type for it; "" if it holds none.

    A configuration that has changed is the same study. So is one that says the same by another
    name, or that adds files to those of before. Images that were moved, or that have changed in
    their place, are those of the same study.

    Args:
        config: the whole configuration that is asked for.
        configfiles: see `given_configfiles`.
        command: what the user types.

    Raises:
        StudyError: the images of the configuration cannot be listed.
    """
    record, manifest = made_with(_TREE), recorded(_TREE.data_manifest)
    made: Mapping[str, Any] = record.get("config", {})
    images = made.get("dataset", {})
    name = manifest.get("dataset", images.get("name"))
    if name is None or not _has_work(*_WORK):
        return ""
    files, given = record.get("configfiles"), list(configfiles)
    by_these = files is None or files == given or bool(files and set(files) <= set(given))
    is_asked = by_these or (bool(made) and what_is_asked(made) == what_is_asked(config))
    asked = config["dataset"]
    if name == asked["name"] and is_asked and not _moved_and_differ(asked, images, manifest):
        return ""
    what = f"the images in {images['path']}" if name in OWN and images.get("path") else name
    return f"results/ holds a study of {what}, made {_how_made(files, given, command)}"


def _has_work(*names: str) -> bool:
    """Tell whether files or folders of these names in results/ hold what took time to make."""
    places = [_TREE / name for name in names]
    return any(one.is_file() for place in places for one in (place, *place.rglob("*")))


def _moved_and_differ(
    asked: Mapping[str, Any], made: Mapping[str, Any], manifest: Mapping[str, Any]
) -> bool:
    """Tell whether the images lie elsewhere than those of results/, and are others.

    Args:
        asked: the configuration's `dataset`.
        made: the same of the configuration that results/ are made with; {} if it is not known.
        manifest: what decoding wrote of the images of results/; {} if it has not.
    """
    key = "path" if asked["name"] in OWN else "checksums"
    here, there = asked.get(key), made.get(key)
    if not (here and there) or with_home(here).resolve() == with_home(there).resolve():
        return False
    # Where nothing is, a study goes on with the images that were decoded, or says what is missing.
    if not with_home(here).exists():
        return False
    if before := manifest.get("sources"):
        return not before.items() <= _sources(asked).items()
    # Nothing was decoded, as where your own images are damaged, or it was deleted since.
    return asked["name"] not in OWN or _has_work(*set(_WORK) - {"data"})


def _sources(asked: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of a configuration's images as decoding records them."""
    if asked["name"] not in OWN:
        # Here, because it loads what downloads, and each command would wait for that.
        from study.data.datasets.download import read_checksums

        md5s = read_checksums(with_home(asked["checksums"])) or {}
        return {name: f"md5:{md5}" for name, md5 in md5s.items()}
    listing = list_images(
        asked["path"], asked.get("test_path", ""), asked.get("group", ""), asked.get("classes")
    )
    # Not by the memory of digests: a command that is refused changes nothing in results/.
    return {"images": f"sha256:{digest_of_images(listing)}"}


def _how_made(files: Sequence[str] | None, given: Sequence[str], command: str) -> str:
    """Return with which configuration files results/ are made, and what to type for them."""
    if files is None:
        return "with another configuration; give the --configfile that it is made with"
    if files == given:
        return "with this configuration before it changed; change it back, or move results/ away"
    made = f"with --configfile {shlex.join(files)}" if files else "without --configfile"
    # Snakemake has gone to its --directory; the shell knows where the user types.
    here, typed_in = Path.cwd(), Path(os.environ.get("PWD", ".")).resolve()
    words, is_snakemake = command.split(), command == "snakemake"
    if is_snakemake and not any((typed_in / path).is_file() for path in _SNAKEFILES):
        words += ["--snakefile", str(PROJECT / "workflow/Snakefile")]
    if is_snakemake and typed_in != here:
        # Whole paths, which are right wherever they are typed.
        words += ["--directory", str(here)]
        files = [os.path.normpath(here / path) for path in files]
    words += ["--configfile", *files] if files else []
    return f"{made}; for that one type `{shlex.join(words)}`"
