"""Pages in a real browser that must neither complain nor reach for the network."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        # Root, as in containers, has no sandbox.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser) -> Iterator[Callable[[Path], Page]]:
    """Return a function that opens a file as a person would, from disk.

    At the end of the test no page may have written an error to the console or asked for anything
    but files and data.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []

    def watch_request(request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            complaints.append(f"request: {request.url}")

    def open_file(path: Path) -> Page:
        page = context.new_page()
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", watch_request)
        page.goto(path.as_uri())
        return page

    yield open_file
    context.close()
    assert complaints == []
