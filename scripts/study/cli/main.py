"""Which command was asked for, and one line for what a user can fix."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from study.job import end_in_one_line, print_what_the_terminal_can, require_one_option

# In the order of use; each is a module beside this one, imported when it is asked for.
COMMANDS = {
    "new": "a folder for a study with a ready configuration, for images of yours or CIFAR-10",
    "plan": "what a study takes: jobs, images, time and disk; and the seeds that fit",
    "watch": "how far the running trainings are",
    "show": "the runs as a table: sort, filter, only what differs",
    "diff": "two runs or two studies: what differs, and what of it exceeds the noise of seeds",
    "compare": "which of several models is better, by predictions made here or elsewhere",
    "predict": "the classes of images of yours, by the best run, another one or all seeds",
    "export": "a run's model, or all images with scores and predictions, for other software",
    "grade": "studies that students handed in, without running their code",
    "clean": "what in results/ is no longer part of the study, with sizes",
}


def parser_of(command: ModuleType, name: str) -> argparse.ArgumentParser:
    """Return the parser of one command."""
    parser = argparse.ArgumentParser(
        prog=f"study {name}",
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.options(parser)
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Run the command that `words` name; a failure that a user can fix is one line and exit 1.

    Args:
        words: of a command line. Default: the process's.
    """
    print_what_the_terminal_can()
    words = sys.argv[1:] if words is None else words
    overview = argparse.ArgumentParser(
        prog="study",
        description="Questions about a study, answered in the terminal. "
        "Run it in the project's folder, with .venv activated.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<9}{line}" for name, line in COMMANDS.items())
        + "\n\n`study COMMAND --help` says more of each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="study COMMAND …",
    )
    overview.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    name = overview.parse_args(words[:1] or ["--help"]).command
    command = importlib.import_module(f"study.cli.{name}")
    arguments = parser_of(command, name).parse_args(words[1:])
    with end_in_one_line():
        require_one_option(words)
        command.answer(arguments)
