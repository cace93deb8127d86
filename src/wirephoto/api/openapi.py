"""The OpenAPI 3.1 document, made of the routes and of the structures that they read and write.

The routes decode and encode with msgspec, so the schemas are msgspec's as well: the document
cannot differ from what is accepted.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import ParameterKwarg, PathParameter
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from wirephoto import __version__
from wirephoto.api.answers import JSON
from wirephoto.api.auth import Requirement
from wirephoto.api.examples import MESSAGE_ID, PATHS, example_of
from wirephoto.api.fields import FIELDS, PARAMETERS
from wirephoto.api.fields_people import OWN
from wirephoto.api.messages import BatchMessage
from wirephoto.api.problems import CODES, HEADERS, MEDIA_TYPE, Problem
from wirephoto.api.queries import AnyRequest
from wirephoto.api.reference import render_reference
from wirephoto.api.simple import SimpleRequest
from wirephoto.domain.channel import TEXT_CHARS_MAX, Channel
from wirephoto.domain.idempotency import HEADER, KEY_CHARS_MAX
from wirephoto.domain.request import (
    MEDIA_MAX,
    METADATA_KEY_CHARS_MAX,
    METADATA_PAIRS_MAX,
    METADATA_VALUE_CHARS_MAX,
    REFERENCE_CHARS_MAX,
)
from wirephoto.domain.url import URL_CHARS_MAX

Json = dict[str, Any]

FORM = "application/x-www-form-urlencoded"
_REFERENCE = "#/components/schemas/{name}"
_ABOUT = """\
Wirephoto sends pictures to US phones through the Vonage Messages API.

Give your API key as `Authorization: Bearer KEY` or as `X-API-Key: KEY`. Errors are problem
documents (RFC 9457) with a stable `code`; `errors` names each field at fault. On any path, what
does not exist is answered 404, a wrong method 405 with `Allow`, an unusable `Host` header 400.
Lists are paged: hand in `next_cursor` as `cursor` until it is null.
"""
_FILE = {"type": "string", "format": "binary"}
_FILE_BODY = {
    "required": True,
    "content": {
        "*/*": {"schema": _FILE},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": _FILE}, "required": ["file"]}
        },
    },
}
_CSV_BODY = {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}
_FILE_RESPONSES: dict[int, Json] = {
    200: {"description": "The file", "content": {"*/*": {"schema": _FILE}}},
    206: {"description": "A part of the file", "content": {"*/*": {"schema": _FILE}}},
    304: {"description": "Unchanged"},
    412: {"description": "It is not what `If-Match` names"},
    416: {"description": "There is no such part"},
}
_GUARDED = ("unauthorized", "forbidden", "unavailable")
_KEYED = ("malformed_json", "malformed_header", "key_in_use", "too_large", "invalid", "key_reused")
_HEADERS = {
    "WWW-Authenticate": "How to sign in (RFC 9110, section 11.6.1).",
    "Connection": "`close`: the rest of the body is not wanted.",
    "Retry-After": "Seconds to wait before the next try.",
    "Idempotent-Replayed": "`true` where this is the answer to an earlier request.",
}


@get(
    "/openapi.json",
    operation_id="get_openapi",
    summary="This document",
    media_type=JSON,
    opt={"open": True},
)
async def document(request: AnyRequest) -> Response[bytes]:
    """Return the description that machines read (OpenAPI 3.1)."""
    body = msgspec.json.encode(_document_of(request.app))
    return Response(body, media_type=JSON)


@get(
    "/docs",
    operation_id="get_docs",
    summary="This document, for people",
    media_type="text/html",
    opt={"open": True},
)
async def docs(request: AnyRequest) -> Response[str]:
    """Return the description that people read; nothing is loaded from another host."""
    page = render_reference(_document_of(request.app), CODES)
    headers = {
        "Content-Security-Policy": page.content_security_policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return Response(page.html, media_type="text/html", headers=headers)


def _document_of(app: Litestar) -> Json:
    """Return the document, made at the first request for it."""
    if "openapi" not in app.state:
        app.state["openapi"] = openapi_document(app)
    made: Json = app.state["openapi"]
    return made


@dataclass(frozen=True, slots=True)
class _Operation:
    """A route's handler for one method."""

    path: str
    method: str
    handler: HTTPRouteHandler

    @property
    def body(self) -> Any:
        return self.handler.opt.get("body")

    @property
    def scope(self) -> str | None:
        requirement = self.handler.resolve_before_request()
        return requirement.scope if isinstance(requirement, Requirement) else None

    @property
    def takes_key(self) -> bool:
        keyed = self.handler.opt.get("keyed", True)
        return self.body is not None and self.scope is not None and keyed

    @property
    def responses(self) -> Mapping[int, ResponseSpec]:
        return self.handler.responses or {}

    @property
    def parameters(self) -> Iterator[tuple[str, ParameterKwarg, FieldDefinition]]:
        for name, field in self.handler.parsed_fn_signature.parameters.items():
            if isinstance(field.kwarg_definition, ParameterKwarg):
                yield field.kwarg_definition.name or name, field.kwarg_definition, field


def openapi_document(app: Litestar) -> Json:
    """Return the description of every route of `app`: an OpenAPI 3.1 document."""
    operations = sorted(_operations(app), key=lambda operation: operation.path)
    schemas = _Schemas(operations)
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Wirephoto",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _operations(app: Litestar) -> Iterator[_Operation]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if method not in ("OPTIONS", "HEAD"):
                    yield _Operation(route.path_format, method.lower(), handler)


class _Schemas:
    """The schema of each structure: named ones are components, the others stand in their place."""

    def __init__(self, operations: Iterable[_Operation]) -> None:
        self._types: list[Any] = [Problem, BatchMessage, str]
        for operation in operations:
            self._types += [_parameter_type(*found[1:]) for found in operation.parameters]
            self._types += [spec.data_container for spec in operation.responses.values()]
            self._types.append(operation.body)
        made, components = msgspec.json.schema_components(self._types, ref_template=_REFERENCE)
        self._made = made
        self.components: Json = dict(sorted(components.items()))
        self._complete()

    def of(self, wanted: Any) -> Json:
        """Return the schema of a type that an operation speaks of."""
        return dict(self._made[self._types.index(wanted)])

    def _complete(self) -> None:
        """Say what the types do not: the meaning of each field, and limits that are checked."""
        for name, schema in self.components.items():
            notes = FIELDS.get(name, {})
            if OWN in notes:
                schema["description"] = notes[OWN]
            for field, described in schema.get("properties", {}).items():
                schema["properties"][field] = described | {"description": notes[field]}
            if example := example_of(name):
                schema["examples"] = [example]
        items = {"$ref": _REFERENCE.format(name="BatchMessage")}
        self.components["BatchRequest"]["properties"]["messages"]["items"] = items
        for name in ("MessageRequest", "BatchMessage"):
            _limit(self.components[name]["properties"])
        self.components["SmsFallback"]["properties"]["text"] |= {
            "minLength": 1,
            "maxLength": TEXT_CHARS_MAX[Channel.SMS],
        }
        self.components["MediaRequest"]["properties"]["url"]["maxLength"] = URL_CHARS_MAX


def _limit(properties: Json) -> None:
    properties["text"] |= {"maxLength": TEXT_CHARS_MAX[Channel.SMS]}
    properties["reference"] |= {"minLength": 1, "maxLength": REFERENCE_CHARS_MAX}
    properties["media"] |= {"maxItems": MEDIA_MAX}
    properties["metadata"] |= {
        "maxProperties": METADATA_PAIRS_MAX,
        "propertyNames": {"minLength": 1, "maxLength": METADATA_KEY_CHARS_MAX},
        "additionalProperties": {"type": "string", "maxLength": METADATA_VALUE_CHARS_MAX},
    }


def _parameter_type(kwarg: ParameterKwarg, field: FieldDefinition) -> Any:
    if kwarg.ge is None and kwarg.le is None:
        return field.annotation
    return Annotated[field.annotation, msgspec.Meta(ge=kwarg.ge, le=kwarg.le)]


def _described(operation: _Operation, schemas: _Schemas) -> Json:
    handler = operation.handler
    described: Json = {
        "operationId": handler.operation_id,
        "summary": handler.summary,
        "description": " ".join((handler.fn.__doc__ or "").split()),
    }
    if operation.scope:
        described["description"] += f" Needs a key with the scope `{operation.scope}`."
    if parameters := list(_parameters(operation, schemas)):
        described["parameters"] = parameters
    if operation.body:
        described["requestBody"] = _request_body(operation, schemas)
    elif handler.opt.get("takes_file"):
        described["requestBody"] = _FILE_BODY
    elif handler.opt.get("takes_csv"):
        described["requestBody"] = _CSV_BODY
    described["responses"] = _responses(operation, schemas)
    scopes = [operation.scope] if operation.scope else None
    described["security"] = [{"bearer": scopes}, {"apiKey": scopes}] if scopes else []
    return described


def _parameters(operation: _Operation, schemas: _Schemas) -> Iterator[Json]:
    for name, kwarg, field in operation.parameters:
        schema = schemas.of(_parameter_type(kwarg, field))
        in_path = isinstance(kwarg, PathParameter)
        if not in_path:
            schema = _optional(schema, field.default)
        yield {
            "name": name,
            "in": "path" if in_path else "query",
            "required": in_path,
            "description": PARAMETERS[name],
            "schema": schema,
        } | ({"example": PATHS.get(name, MESSAGE_ID)} if in_path else {})
    if operation.takes_key:
        yield {
            "name": HEADER,
            "in": "header",
            "required": False,
            "description": PARAMETERS[HEADER],
            "schema": {"type": "string", "minLength": 1, "pattern": _key_pattern()},
            "example": "order-1042-picture",
        }


def _optional(schema: Json, default: Any) -> Json:
    """Return the schema of a parameter that may be left out: there is no null in a URL."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    schema = choices[0] if len(choices) == 1 else schema
    return schema if default is None else schema | {"default": default}


def _key_pattern() -> str:
    bounds = f"{{1,{KEY_CHARS_MAX}}}"
    return rf'^(?:[!#-~]{bounds}|"(?:[!#-\[\]-~]|\\["\\]){bounds}")$'


def _request_body(operation: _Operation, schemas: _Schemas) -> Json:
    media_types = (JSON, FORM) if operation.body is SimpleRequest else (JSON,)
    schema = schemas.of(operation.body)
    return {"required": True, "content": {kind: {"schema": schema} for kind in media_types}}


def _responses(operation: _Operation, schemas: _Schemas) -> Json:
    handler = operation.handler
    made: dict[int, Json] = {}
    if handler.opt.get("gives_file"):
        made |= _FILE_RESPONSES
    elif handler.status_code not in operation.responses:
        content = {str(handler.media_type): {"schema": _text_schema(str(handler.media_type))}}
        made[handler.status_code] = {"description": "Done", "content": content}
    for status, spec in operation.responses.items():
        made[status] = {"description": spec.description}
        if spec.data_container is not None:
            made[status]["content"] = {JSON: {"schema": schemas.of(spec.data_container)}}
            if streamed := handler.opt.get("streams"):
                made[status]["content"][streamed] = {"schema": _text_schema(streamed)}
        if operation.takes_key and status < HTTPStatus.BAD_REQUEST:
            made[status]["headers"] = _header_objects(["Idempotent-Replayed"])
    for status, codes in _problems(operation).items():
        if status not in made:
            said = "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes)
            content = {MEDIA_TYPE: {"schema": schemas.of(Problem)}}
            made[status] = {"description": said, "content": content}
        if headers := [name for code in codes for name in HEADERS.get(code, ())]:
            made[status]["headers"] = _header_objects(headers)
    return {str(status): made[status] for status in sorted(made)}


def _problems(operation: _Operation) -> dict[int, list[str]]:
    """Return the codes of the problems that an operation can answer, by their status."""
    codes = list(_GUARDED) if operation.scope else []
    if operation.takes_key:
        codes += _KEYED
    kinds = [isinstance(kwarg, PathParameter) for _, kwarg, _ in operation.parameters]
    codes += ["not_found"] if any(kinds) else []
    codes += ["invalid"] if not all(kinds) else []
    codes += operation.handler.opt.get("problems", ())
    # A webhook that comes too slowly is one that cannot be verified.
    if "too_large" in codes and "webhook_unverified" not in codes:
        codes.append("too_slow")
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(CODES[code][0], []).append(code)
    return by_status


def _text_schema(media_type: str) -> Json:
    return {"type": "object"} if media_type == JSON else {"type": "string"}


def _header_objects(names: Iterable[str]) -> Json:
    return {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}
