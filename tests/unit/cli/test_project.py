"""What is told of a Snakemake that failed."""

import pytest

from study.cli.project import why_it_failed


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("Using profile x\nerror: seeds is 1\nExiting\n", "seeds is 1"),
        ("Traceback:\n  File x\nPermissionError: denied: 'a'\nUsing profile x\n",
         "PermissionError: denied: 'a'"),
        ("WorkflowError:\nConfig file is not valid.\nUsing profile x\n",
         "WorkflowError: Config file is not valid."),
        ("killed\n", "killed"),
        ("", "nothing"),
    ],
)  # fmt: skip
def test_the_reason_of_a_failure_is_found_among_what_snakemake_prints(printed, told):
    assert why_it_failed(printed) == told
