#!/usr/bin/env python
"""Put a bundled study into this copy of the project, in which nothing is then to be done."""

import argparse
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from study.audit.bundle_reading import Manifest
from study.audit.bundles import passing_bundle, read_bundle
from study.audit.provenance import repository
from study.audit.storage import open_storage
from study.config.recipes import RECIPES
from study.errors import escaped
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Fetch the bundle if it is elsewhere, unpack it and say what to type next."""
    project = Path(arguments.project)
    if "://" in arguments.bundle:
        storage = open_storage(arguments.bundle)
        with passing_bundle(project) as path:
            storage.fetch(path)
            manifest = read_bundle(path, project, storage.bundle)
    else:
        manifest = read_bundle(arguments.bundle, project)
    print(f"{arguments.bundle}: {len(manifest['files']):,} files, all as they were bundled")
    print(*next_commands(manifest, project), sep="\n")


def next_commands(manifest: Manifest, project: Path) -> Iterator[str]:
    """Yield what to type next, in which what the bundle says is quoted: somebody else wrote it.

    Args:
        manifest: of the bundle.
        project: where its files are now.
    """
    made, here = manifest["repository"], repository()
    commit = str(made.get("commit") or "")
    if not re.fullmatch("[0-9a-f]{40,64}", commit):
        yield "made by a copy of the project whose commit is not known"
    elif commit != here["commit"]:
        yield (
            f"made by commit {commit}, here is {here['commit'] or 'unknown'}: "
            "where the code differs Snakemake makes results again; for the same code "
            f"git checkout {commit}"
        )
    elif made.get("dirty"):
        yield (
            "made by a copy of the project that differed from its commit: where the code differs "
            "Snakemake makes results again"
        )
    recipes = f"{RECIPES}/"  # Found by their place.
    given = [name for name in manifest["configfiles"] if not name.startswith(recipes)]
    there = [name for name in given if (project / name).is_file()]
    if absent := [name for name in given if name not in there]:
        names = " ".join(shlex.quote(escaped(name)) for name in absent)
        yield f"it was made with {names} too, which is neither in it nor here"
    names = [shlex.quote(escaped(os.path.relpath(project / name))) for name in there]
    apart = project.resolve() != Path.cwd()
    place = f" --directory {shlex.quote(str(project))}" if apart else ""
    of_study = place + (f" --configfile {' '.join(names)}" if names else "")
    yield (
        f"look at it: snakemake --dry-run{of_study}; snakemake --report{of_study}; snakemake "
        f"verify{of_study}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "bundle", help="what `snakemake bundle` wrote, .tar.gz, or where `snakemake push` sent it"
    )
    parser.add_argument(
        "--project", default=".", help="folder of the project (default: the current one)"
    )
    run_script(parser, main)
