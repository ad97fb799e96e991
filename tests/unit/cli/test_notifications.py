"""A chat is told how a study ended, and its address is told to nobody."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from conftest import assert_one_clear_line

from study.cli.notifications import how_it_stands, tell
from study.files import write_csv, write_json


class Chat(HTTPServer):
    """A chat's webhook on loopback that keeps what it is told."""

    def __init__(self, status=200):
        self.status, self.messages = status, []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/secret"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.messages.append(
            json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        )
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def chat(request):
    server = Chat(getattr(request, "param", 200))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def results(tmp_path):
    """A study of three runs: one measured, one that failed, one that waits."""
    write_csv(
        tmp_path / "runs.csv",
        ["combo", "model", "seed"],
        [("v1", "cnn2", 1), ("v1", "cnn2", 2), ("v1", "cnn2", 3)],
    )
    for name in ("run.json", "metrics.json"):
        write_json(tmp_path / "runs/v1/cnn2/seed1" / name, {"status": "ok"})
    log = tmp_path / "logs/train/v1/cnn2/seed2.log"
    log.parent.mkdir(parents=True)
    log.write_text("error: no memory\n")
    return tmp_path


def test_the_message_counts_runs_by_state(results):
    assert how_it_stands(results / "runs.csv") == "1 of 3 runs ok, 1 failed, 1 waiting."
    assert how_it_stands(results / "none.csv") == "No run has begun."


def test_the_chat_gets_one_message(results, chat, monkeypatch):
    monkeypatch.chdir(results)
    tell(chat.url, "failed", "runs.csv")
    text = f"{results.name}: failed. 1 of 3 runs ok, 1 failed, 1 waiting."
    assert chat.messages == [{"text": text, "content": text}]


@pytest.mark.parametrize("chat", [404], indirect=True)
def test_a_chat_that_refuses_is_one_line_without_its_address(results, chat, capsys):
    tell(chat.url, "failed", results / "runs.csv")
    said = capsys.readouterr().err
    assert_one_clear_line(said, "HTTP 404")
    assert "secret" not in said


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/secret", "secret"])
def test_a_chat_that_is_not_there_is_one_line_without_its_address(results, capsys, url):
    tell(url, "failed", results / "runs.csv")
    said = capsys.readouterr().err
    assert_one_clear_line(said, "was not sent")
    assert "secret" not in said


def test_nothing_that_goes_wrong_fails_the_study(results, capsys, monkeypatch):
    def broken(*arguments, **options):
        raise ValueError("http://chat/secret")

    monkeypatch.setattr("requests.post", broken)
    tell("http://chat/secret", "failed", results / "runs.csv")
    said = capsys.readouterr().err
    assert_one_clear_line(said, "STUDY_WEBHOOK was not told (ValueError)")
    assert "secret" not in said


@pytest.mark.workflow
def test_the_workflow_tells_the_chat_at_its_end_and_a_failing_chat_changes_nothing(project, chat):
    project.succeeds("results/runs.csv", "--cores", "1", STUDY_WEBHOOK=chat.url)
    assert [message["text"] for message in chat.messages] == [
        "project: finished. 0 of 4 runs ok, 4 waiting."
    ]
    output = project.succeeds(
        "results/runs.csv", "--cores", "1", "--force", STUDY_WEBHOOK="http://127.0.0.1:9/"
    )
    assert "was not sent" in output
