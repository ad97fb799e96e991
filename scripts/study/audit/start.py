"""What is looked at in results/ before the workflow is planned."""

import sys
from pathlib import Path

from study.audit import replaced
from study.audit.clock import date_back
from study.audit.provenance import other_libraries


def look_at_results() -> None:
    """Put right what would mislead the plan, and note what may mislead the reader.

    See `replaced.put_back`, `clock.date_back` and `provenance.other_libraries`.
    """
    # A command that was killed could not put back what its jobs were to replace.
    if not replaced.locked():
        replaced.put_back()
    project = Path(__file__).resolve().parents[3]
    if others := other_libraries(project):
        print(
            f"note: other libraries than those of requirements.lock: {', '.join(others)}; what is "
            "computed with them may come out differently; `make setup` installs the locked ones",
            file=sys.stderr,
        )
    # Snakemake goes by time first, and would keep results from the future whatever changes.
    if n_late := date_back("results"):
        print(
            f"{n_late} files in results/ are dated in the future, as when the clock was set back; "
            "dated back, they are compared by content",
            file=sys.stderr,
        )
