"""The document tells the truth, and an incompatible change does not slip through."""

import json
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest
from litestar import Litestar
from openapi_spec_validator import validate

from tests.api.application import client_of, open_app
from tests.api.compatibility import incompatibilities
from tests.virtual_clock import VirtualClock
from wirephoto import __version__
from wirephoto.api.fields import FIELDS, PARAMETERS
from wirephoto.api.fields_people import OWN
from wirephoto.api.messages import BatchMessage, BatchRequest
from wirephoto.api.openapi import openapi_document
from wirephoto.api.simple import SimpleRequest
from wirephoto.domain.request import MessageRequest

SNAPSHOT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
REFRESH = "Refresh it with: wirephoto openapi > docs/openapi.json"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Litestar]:
    """Give the application."""
    async with open_app(tmp_path, VirtualClock()) as app:
        yield app


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client without a key."""
    async with client_of(app, key=None) as client:
        yield client


@pytest.fixture
def document(app: Litestar) -> dict[str, Any]:
    """Give the document."""
    return openapi_document(app)


async def test_the_document_is_valid_and_open_to_all(client: httpx.AsyncClient) -> None:
    """Generators of clients refuse an invalid one, and they have no key."""
    answer = await client.get("/openapi.json")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["info"]["version"] == __version__
    validate(answer.json())


async def test_the_snapshot_is_what_is_served(client: httpx.AsyncClient) -> None:
    """Whoever reviews a change of the interface sees it as a difference of this file."""
    served = (await client.get("/openapi.json")).json()

    assert json.loads(SNAPSHOT.read_text(encoding="utf-8")) == served, REFRESH


def test_no_change_breaks_clients(document: dict[str, Any]) -> None:
    """A release that breaks what customers built is a decision, not an accident.

    Where it is one, refresh the snapshot and say so in the changelog.
    """
    snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))

    assert incompatibilities(snapshot, document) == []


def test_every_route_is_described(app: Litestar, document: dict[str, Any]) -> None:
    """A route that the document leaves out is not tested by the fuzz tests either."""
    described = {(path, method) for path, found in document["paths"].items() for method in found}
    routed = {
        (route.path_format, method.lower())
        for route in app.routes
        for method in getattr(route, "methods", ())
        if method not in ("OPTIONS", "HEAD")
    }

    assert described == routed


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    """They become the names of functions in generated clients."""
    names = [
        operation["operationId"]
        for found in document["paths"].values()
        for operation in found.values()
    ]

    assert len(names) == len(set(names))
    assert all(name.isidentifier() for name in names)


def test_every_description_belongs_to_a_field(document: dict[str, Any]) -> None:
    """A field without a description fails when the document is made; this finds stale ones."""
    schemas = document["components"]["schemas"]
    stale = [
        f"{name}.{field}"
        for name, fields in FIELDS.items()
        for field in fields
        if field != OWN and field not in schemas.get(name, {}).get("properties", {})
    ]
    used = {
        parameter["name"]
        for found in document["paths"].values()
        for operation in found.values()
        for parameter in operation.get("parameters", ())
    }

    assert not stale
    assert not FIELDS.keys() - schemas.keys()
    assert used == set(PARAMETERS)


def test_examples_fit_their_schemas(document: dict[str, Any]) -> None:
    """People copy them."""
    components = document["components"]
    for name, found in components["schemas"].items():
        for example in found.get("examples", ()):
            # Examples with $ref into components need the whole document around the schema.
            wanted = {"$ref": f"#/components/schemas/{name}", "components": components}
            faults = list(jsonschema.Draft202012Validator(wanted).iter_errors(example))
            assert not faults, name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("MessageRequest", MessageRequest),
        ("BatchRequest", BatchRequest),
        ("SimpleRequest", SimpleRequest),
    ],
)
def test_examples_of_requests_are_taken(
    document: dict[str, Any], name: str, kind: type[msgspec.Struct]
) -> None:
    """The first request that somebody sends is one of these."""
    example = document["components"]["schemas"][name]["examples"][0]

    msgspec.json.decode(msgspec.json.encode(example), type=kind)
    if kind is BatchRequest:
        msgspec.convert(example["messages"], list[BatchMessage])


def test_every_route_but_the_open_ones_asks_for_a_key(document: dict[str, Any]) -> None:
    """A generated client signs in where the document says so, and only there."""
    open_paths = {
        path
        for path, found in document["paths"].items()
        if not all(operation["security"] for operation in found.values())
    }
    webhooks = {"/webhooks/inbound", "/webhooks/status"}
    pages = {"/", "/docs", "/healthz", "/media/{name}", "/openapi.json", "/readyz"}

    assert open_paths == pages | webhooks


def _petty() -> dict[str, Any]:
    """Return a document with one route, made up."""
    item = {
        "type": "object",
        "properties": {
            "kind": {"enum": ["cat", "dog"]},
            "name": {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}]},
        },
        "required": ["kind"],
        "additionalProperties": False,
    }
    reply = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    return {
        "paths": {
            "/pets": {
                "post": {
                    "parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": _ref("Item")}},
                    },
                    "responses": {
                        "200": {
                            "description": "",
                            "content": {"application/json": {"schema": _ref("Reply")}},
                        },
                        "404": {"description": ""},
                    },
                }
            }
        },
        "components": {"schemas": {"Item": item, "Reply": reply}},
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


Change = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], object]

BREAKING: dict[str, tuple[Change, str]] = {
    "removed path": (lambda d, i, r: d["paths"].clear(), "POST /pets: removed"),
    "removed method": (lambda d, i, r: d["paths"]["/pets"].clear(), "POST /pets: removed"),
    "removed parameter": (
        lambda d, i, r: d["paths"]["/pets"]["post"]["parameters"].clear(),
        "POST /pets: parameter q: removed",
    ),
    "required parameter": (
        lambda d, i, r: d["paths"]["/pets"]["post"]["parameters"][0].update(required=True),
        "POST /pets: parameter q: required now",
    ),
    "removed answer": (
        lambda d, i, r: d["paths"]["/pets"]["post"]["responses"].pop("200"),
        "POST /pets: 200: removed",
    ),
    "removed field of an answer": (
        lambda d, i, r: r["properties"].pop("id"),
        "POST /pets: 200.id: removed",
    ),
    "field of an answer that may be missing": (
        lambda d, i, r: r.update(required=[]),
        "POST /pets: 200.id: not always there any more",
    ),
    "answer of another type": (
        lambda d, i, r: r["properties"]["id"].update(type="integer"),
        "POST /pets: 200.id: integer is not announced",
    ),
    "answer that may be null": (
        lambda d, i, r: r["properties"].update(
            id={"anyOf": [{"type": "string"}, {"type": "null"}]}
        ),
        "POST /pets: 200.id: null is not announced",
    ),
    "new required field": (
        lambda d, i, r: (
            i["properties"].update(age={"type": "integer"}),
            i["required"].append("age"),
        ),
        "POST /pets: body.age: required now",
    ),
    "removed field of a request": (
        lambda d, i, r: i["properties"].pop("name"),
        "POST /pets: body.name: removed",
    ),
    "narrowed enumeration": (
        lambda d, i, r: i["properties"]["kind"]["enum"].remove("dog"),
        "POST /pets: body.kind: 'dog' is not taken any more",
    ),
    "null that is refused": (
        lambda d, i, r: i["properties"].update(name={"type": "string", "maxLength": 9}),
        "POST /pets: body.name: null is not taken",
    ),
    "lowered limit": (
        lambda d, i, r: i["properties"]["name"]["anyOf"][0].update(maxLength=8),
        "POST /pets: body.name: maxLength is 8 now",
    ),
}
HARMLESS: dict[str, Change] = {
    "nothing": lambda d, i, r: None,
    "new path": lambda d, i, r: d["paths"].update({"/zoo": d["paths"]["/pets"]}),
    "new optional field": lambda d, i, r: i["properties"].update(age={"type": "integer"}),
    "new field of an answer": lambda d, i, r: r["properties"].update(age={"type": "integer"}),
    "wider enumeration": lambda d, i, r: i["properties"]["kind"]["enum"].append("cow"),
    "raised limit": lambda d, i, r: i["properties"]["name"]["anyOf"][0].update(maxLength=99),
    "an error less": lambda d, i, r: d["paths"]["/pets"]["post"]["responses"].pop("404"),
}


@pytest.mark.parametrize(("change", "said"), BREAKING.values(), ids=BREAKING)
def test_what_breaks_a_client_is_found(change: Change, said: str) -> None:
    """The rule above is only as good as what it notices."""
    assert incompatibilities(_petty(), _changed(change)) == [said]


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_breaks_nobody_passes(change: Change) -> None:
    """A rule that cries wolf is switched off."""
    assert incompatibilities(_petty(), _changed(change)) == []


def _changed(change: Change) -> dict[str, Any]:
    changed = deepcopy(_petty())
    schemas = changed["components"]["schemas"]
    change(changed, schemas["Item"], schemas["Reply"])
    return changed
