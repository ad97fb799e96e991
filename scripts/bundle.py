#!/usr/bin/env python
"""Put a finished study into one file, to be taken elsewhere or sent to a storage."""

import argparse
import contextlib
import shlex
from pathlib import Path

from study.audit.bundles import (
    files_left_out,
    files_of_study,
    names_in_project,
    own_configuration,
    passing_bundle,
    write_bundle,
)
from study.audit.provenance import repository
from study.audit.storage import open_storage
from study.code import PROJECT
from study.errors import escaped
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Write the bundle, send it if asked to, and say what it holds."""
    project = Path(arguments.project)
    # A study in a folder of its own is made by the configuration there, which is given by nobody.
    own = own_configuration(project) if project.resolve() != PROJECT else []
    configfiles = names_in_project(project, [*own, *arguments.configfiles])
    facts = {"configfiles": configfiles, "repository": repository()}
    storage = open_storage(arguments.storage) if arguments.storage is not None else None
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(passing_bundle(project)) if storage else Path(arguments.output)
        manifest = write_bundle(output, project, files_of_study(project, configfiles), facts)
        megabytes = output.stat().st_size / 1e6
        if storage:
            storage.send(output)
    there, wanted = (storage.bundle, arguments.storage) if storage else (output, output.name)
    print(
        f"{there}: {len(manifest['files']):,} files, {megabytes:,.1f} MB, read back and compared; "
        "elsewhere, in a clone of the project: "
        f"python scripts/unbundle.py {shlex.quote(wanted)}{' --project NEW_FOLDER' if own else ''}"
    )
    if apart := [name for name in configfiles if name not in manifest["files"]]:
        print(f"not in it, send it along if it is not in the project: {escaped(' '.join(apart))}")
    if left_out := files_left_out(project):
        others = f" and {len(left_out) - 1:,} more" if left_out[1:] else ""
        print(f"left out, because no rule makes it: {escaped(left_out[0])}{others}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--project", default=".", help="folder of the project (default: the current one)"
    )
    parser.add_argument(
        "--configfiles", nargs="*", default=[], help="files that were given with --configfile"
    )
    destination = parser.add_mutually_exclusive_group(required=True)
    destination.add_argument("--output", help="bundle to write, .tar.gz")
    destination.add_argument(
        "--storage",
        help="address to send it to instead, such as s3://bucket/folder or fs:///folder",
    )
    run_script(parser, main)
