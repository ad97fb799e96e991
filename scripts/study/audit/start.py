"""What is looked at in results/ before the workflow is planned."""

import sys

from study.audit import replaced
from study.audit.clock import date_back


def look_at_results() -> None:
    """Put right what would mislead the plan: see `replaced.put_back` and `clock.date_back`."""
    # A command that was killed could not put back what its jobs were to replace.
    if not replaced.locked():
        replaced.put_back()
    # Snakemake goes by time first, and would keep results from the future whatever changes.
    if n_late := date_back("results"):
        print(
            f"{n_late} files in results/ are dated in the future, as when the clock was set back; "
            "dated back, they are compared by content",
            file=sys.stderr,
        )
