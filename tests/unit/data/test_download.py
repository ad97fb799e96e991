"""Downloads over unreliable lines."""

import os

import pytest
from server import Server

from study.data.datasets.download import download
from study.errors import StudyError


def get(url, folder, pauses=None):
    return download(
        url,
        folder,
        what="a file",
        advice="do without",
        pause=(pauses if pauses is not None else []).append,
    )


def test_a_broken_download_goes_on_where_it_stopped(tmp_path):
    content = os.urandom(400_000)
    with Server(content, breaks=2) as server:
        assert get(server.url, tmp_path).read_bytes() == content
    starts = [int(asked.split("=")[1].rstrip("-")) for asked in server.requests[1:]]
    assert server.requests[0] is None
    assert 100_000 < starts[0] < starts[1] < len(content)


def test_a_server_that_cannot_resume_is_asked_for_the_whole_file(tmp_path):
    content = os.urandom(100_000)
    with Server(content, breaks=1, ranges=False) as server:
        assert get(server.url, tmp_path).read_bytes() == content


def test_a_partial_file_of_an_earlier_run_is_continued(tmp_path):
    content = os.urandom(100_000)
    with Server(content) as server:
        complete = get(server.url, tmp_path)
        complete.rename(complete.with_name(complete.name + ".part"))
        assert (
            get(server.url, tmp_path).read_bytes() == content
        )  # all there: nothing is fetched again
    assert server.requests == [None, "bytes=100000-"]


def test_failures_back_off_and_end_in_one_line(tmp_path):
    pauses = []
    with (
        Server(b"", status=503) as server,
        pytest.raises(StudyError, match="unreachable after 4 attempts"),
    ):
        get(server.url, tmp_path, pauses)
    assert pauses == [1, 2, 4]


def test_a_refusal_is_not_retried(tmp_path):
    with Server(b"", status=404) as server, pytest.raises(StudyError, match="404"):
        get(server.url, tmp_path)
    assert len(server.requests) == 1
