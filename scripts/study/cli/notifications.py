"""A message about a study, for people who do not watch it."""

import sys
from collections import Counter
from pathlib import Path

import requests

from study.errors import StudyError
from study.runs.progress import state_of_run
from study.runs.run import read_runs

_TIMEOUT = 10  # seconds


def how_it_stands(runs: str | Path) -> str:
    """Return how many runs are in which state: "28 of 30 runs ok, 1 diverged, 1 failed".

    Args:
        runs: list of runs, .csv, in the folder of all results.
    """
    path = Path(runs)
    if not path.exists():
        return "No run has begun."
    states = Counter(state_of_run(path.parent, run)[0] for run in read_runs(path))
    rest = "".join(f", {count} {state}" for state, count in states.items() if state != "ok")
    return f"{states['ok']} of {states.total()} runs ok{rest}."


def post(url: str, text: str) -> None:
    """Send a message to a webhook as JSON.

    Slack, Mattermost and Google Chat understand `text`, and Discord `content`.

    Raises:
        StudyError: it did not arrive. The address is not named: whoever knows it can write there.
    """
    try:
        answer = requests.post(url, json={"text": text, "content": text}, timeout=_TIMEOUT)
    except requests.RequestException as error:
        # Without the text of the error, which holds the address.
        raise StudyError(
            f"the message to STUDY_WEBHOOK was not sent ({type(error).__name__}); "
            "check the address and the network"
        ) from None
    if not answer.ok:
        raise StudyError(
            f"STUDY_WEBHOOK refused the message (HTTP {answer.status_code}); "
            "check the address, or ask its owner"
        )


def tell(url: str, outcome: str, runs: str | Path) -> None:
    """Tell a chat how a command ended; what goes wrong is one line on stderr and no error.

    Args:
        url: of its webhook.
        outcome: such as "finished" or "failed".
        runs: see `how_it_stands`.
    """
    try:
        post(url, f"{Path.cwd().name}: {outcome}. {how_it_stands(runs)}")
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
    except Exception as error:  # the study has ended as it has; the text may hold the address
        print(f"error: STUDY_WEBHOOK was not told ({type(error).__name__})", file=sys.stderr)
