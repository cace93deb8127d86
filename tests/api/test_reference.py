"""The page for people is complete, and a browser loads nothing else for it."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from tests.api.application import client_of, open_app
from tests.virtual_clock import VirtualClock
from wirephoto.api.openapi import openapi_document
from wirephoto.api.problems import CODES
from wirephoto.api.reference import render_reference


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Litestar]:
    """Give the application."""
    async with open_app(tmp_path, VirtualClock()) as app:
        yield app


@pytest.fixture
async def page(app: Litestar) -> httpx.Response:
    """Give the page as somebody without a key gets it."""
    async with client_of(app, key=None) as client:
        return await client.get("/docs")


def test_the_page_shows_every_route_field_and_error(app: Litestar, page: httpx.Response) -> None:
    """What is not on it does not exist for most readers."""
    document = openapi_document(app)
    shown = set(re.findall(r"<code>([^<]+)</code>", page.text))
    fields = {
        name
        for schema in document["components"]["schemas"].values()
        for name in schema.get("properties", {})
    }

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert document["paths"].keys() <= shown
    assert fields <= shown
    assert CODES.keys() <= shown
    assert page.text.count("curl ") >= len(document["paths"])


def test_every_link_leads_somewhere(page: httpx.Response) -> None:
    """The page is long; its links are how one moves in it."""
    targets = re.findall(r'id="([^"]+)"', page.text)
    links = re.findall(r'href="([^"]+)"', page.text)

    assert len(targets) == len(set(targets))
    assert {link.removeprefix("#") for link in links} <= {*targets, "/openapi.json"}


def test_nothing_is_loaded_and_nothing_runs(page: httpx.Response) -> None:
    """The page is read on the gateway's own host, where keys and pictures are."""
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = page.headers["content-security-policy"]

    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\(|\son\w+=|\sstyle=", page.text)


def test_text_of_the_document_is_not_markup() -> None:
    """A title with an ampersand must not break the page, nor one with a tag run in it."""
    document = {
        "info": {"title": "<b>&", "version": "1", "description": "`<i>` and <u>"},
        "paths": {},
        "components": {"schemas": {}},
    }

    page = render_reference(document, {"<code>": (400, "<script>")})

    assert "<b>" not in page.html.replace("<body>", "")
    assert "<script>" not in page.html
    assert "<code>&lt;i&gt;</code> and &lt;u&gt;" in page.html
