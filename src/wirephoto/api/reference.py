"""The page `/docs`: the OpenAPI document, laid out for people on one page without scripts."""

import base64
import hashlib
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

Json = dict[str, Any]

_PREFIX = "#/components/schemas/"
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and what a browser may load for it: nothing but the page's own style."""

    html: str
    content_security_policy: str


def render_reference(document: Json, codes: Mapping[str, tuple[int, str]]) -> Page:
    """Return the page that explains `document` and the error codes (code: status, title)."""
    style = _file("reference.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    schemas = document["components"]["schemas"]
    html = (
        _environment()
        .get_template("reference.html.jinja")
        .render(
            info=document["info"],
            about=[" ".join(p.split()) for p in document["info"]["description"].split("\n\n")],
            style=Markup(style),  # noqa: S704 - our own file
            operations=list(_operations(document)),
            structures=[(name, schema, _rows(schema)) for name, schema in schemas.items()],
            codes=codes,
        )
    )
    return Page(
        html,
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_file),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    return environment


def _file(name: str) -> str:
    return files("wirephoto.api").joinpath("templates", name).read_text(encoding="utf-8")


def _prose(text: str) -> Markup:
    """Return text for HTML, with what stands between backticks set as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def _operations(document: Json) -> Iterator[Json]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body: Json = operation.get("requestBody", {}).get("content", {})
            schema: Json = next((content["schema"] for content in body.values()), {})
            yield {
                "id": operation["operationId"],
                "method": method.upper(),
                "path": path,
                "summary": operation["summary"],
                "description": operation["description"],
                "parameters": [
                    (parameter, _type(parameter["schema"]))
                    for parameter in operation.get("parameters", ())
                ],
                "body": _type(schema) if body else None,
                "media_types": list(body),
                "fields": _rows(_resolved(schema, document)),
                "responses": list(_responses(operation)),
                "curl": _curl(path, method, operation, document),
            }


def _responses(operation: Json) -> Iterator[tuple[str, str, list[Json], str]]:
    for status, response in operation["responses"].items():
        bodies: Json = response.get("content", {}) or {"": {"schema": None}}
        for media_type, content in bodies.items():
            yield status, response["description"], _type(content["schema"]), media_type


def _rows(schema: Json) -> list[Json]:
    """Return a row for each field of a structure."""
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "type": _type(field),
            "required": name in required,
            "description": field["description"],
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _type(schema: Json | None) -> list[Json]:
    """Return a type in words: pieces of text, some with the name of a structure to look up."""
    if not schema:
        return []
    if "$ref" in schema:
        return [_piece(schema["$ref"].removeprefix(_PREFIX), link=True)]
    if "anyOf" in schema:
        pieces: list[Json] = []
        for choice in schema["anyOf"]:
            pieces += [_piece(" or "), *_type(choice)] if pieces else _type(choice)
        return pieces
    if "enum" in schema:
        return [_piece(" or ".join(f"“{value}”" for value in schema["enum"]))]
    if schema.get("type") == "array":
        return [_piece("list of "), *_type(schema.get("items"))]
    return [_piece(_plain(schema))]


def _plain(schema: Json) -> str:
    words = {"date-time": "time"}.get(schema.get("format", ""), str(schema.get("type", "any JSON")))
    if words == "object" and "additionalProperties" in schema:
        words = "object of strings"
    if "minimum" in schema:
        bound = f" to {schema['maximum']}" if "maximum" in schema else " or more"
        words += f", {schema['minimum']}{bound}"
    if schema.get("default"):
        words += f", else {schema['default']}"
    return words


def _piece(text: str, *, link: bool = False) -> Json:
    return {"text": text, "link": link}


def _resolved(schema: Json, document: Json) -> Json:
    name = schema.get("$ref", "").removeprefix(_PREFIX)
    resolved: Json = document["components"]["schemas"].get(name, schema)
    return resolved


def _curl(path: str, method: str, operation: Json, document: Json) -> str:
    """Return a command for a shell that knows `$WIREPHOTO_URL` and `$WIREPHOTO_KEY`."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    lines = [f'curl "$WIREPHOTO_URL{path}"']
    if method != "get":
        lines[0] = f'curl -X {method.upper()} "$WIREPHOTO_URL{path}"'
    if operation["security"]:
        lines.append('-H "Authorization: Bearer $WIREPHOTO_KEY"')
    if body := operation.get("requestBody"):
        media_type, content = next(iter(body["content"].items()))
        examples = _resolved(content["schema"], document).get("examples", [{}])
        text = textwrap.indent(json.dumps(examples[0], indent=2), "  ").strip()
        quoted = text.replace("'", "'\\''")
        lines += [f"-H 'Content-Type: {media_type}'", f"-d '{quoted}'"]
    return " \\\n  ".join(lines)
