"""What breaks a client: the incompatible differences between two OpenAPI documents."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def incompatibilities(old: Json, new: Json) -> list[str]:
    """Return what a client of `old` could trip over in `new`, a sentence for each.

    Requests may only become more permissive, answers only more precise: a route, a field of an
    answer or a value of an enumeration in a request must not go away, nothing new may be required,
    and no answer may come that was not announced.
    """
    return list(_paths(old, new))


def _paths(old: Json, new: Json) -> Iterator[str]:
    for path, methods in old["paths"].items():
        for method, was in methods.items():
            name = f"{method.upper()} {path}"
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{name}: removed"
                continue
            yield from _parameters(name, was, now, old, new)
            yield from _body(name, was, now, old, new)
            yield from _answers(name, was, now, old, new)


def _parameters(name: str, was: Json, now: Json, old: Json, new: Json) -> Iterator[str]:
    before = {(p["in"], p["name"]): p for p in was.get("parameters", ())}
    after = {(p["in"], p["name"]): p for p in now.get("parameters", ())}
    for key, parameter in before.items():
        at = f"{name}: parameter {key[1]}"
        if key not in after:
            yield f"{at}: removed"
            continue
        yield from _taken(at, parameter["schema"], after[key]["schema"], old, new)
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"{name}: parameter {key[1]}: required now"


def _body(name: str, was: Json, now: Json, old: Json, new: Json) -> Iterator[str]:
    before, after = was.get("requestBody"), now.get("requestBody")
    if before is None:
        if after and after.get("required"):
            yield f"{name}: body: required now"
        return
    for kind, content in before["content"].items():
        if after is None or kind not in after["content"]:
            yield f"{name}: body: {kind} is not taken any more"
            continue
        schema = after["content"][kind]["schema"]
        yield from _taken(f"{name}: body", content["schema"], schema, old, new)


def _answers(name: str, was: Json, now: Json, old: Json, new: Json) -> Iterator[str]:
    for status, answer in was["responses"].items():
        if status not in now["responses"]:
            # An error that cannot happen any more hurts nobody; a success is waited for.
            if status < "400":
                yield f"{name}: {status}: removed"
            continue
        after = now["responses"][status].get("content", {})
        for kind, content in answer.get("content", {}).items():
            if kind not in after:
                yield f"{name}: {status}: {kind} is not given any more"
                continue
            yield from _given(
                f"{name}: {status}", content["schema"], after[kind]["schema"], old, new
            )
    for status in now["responses"]:
        if status not in was["responses"] and status < "400":
            yield f"{name}: {status}: new"


def _taken(at: str, was: Json, now: Json, old: Json, new: Json, depth: int = 0) -> Iterator[str]:
    """Yield what a request could hold and may not any more."""
    yield from _kinds(at, _types(was, old), _types(now, new), "taken")
    was, now = _resolved(was, old), _resolved(now, new)
    yield from _limits(at, was, now)
    if "enum" in now:
        for value in was.get("enum", ["any other value"]):
            if value not in now["enum"]:
                yield f"{at}: {value!r} is not taken any more"
    fields = now.get("properties", {})
    for name, schema in was.get("properties", {}).items():
        if name in fields and depth < _DEPTH_MAX:
            yield from _taken(f"{at}.{name}", schema, fields[name], old, new, depth + 1)
        elif name not in fields and now.get("additionalProperties") is False:
            yield f"{at}.{name}: removed"
    for name in now.get("required", ()):
        if name not in was.get("required", ()):
            yield f"{at}.{name}: required now"
    if was.get("items") and now.get("items") and depth < _DEPTH_MAX:
        yield from _taken(f"{at}[]", was["items"], now["items"], old, new, depth + 1)


def _given(at: str, was: Json, now: Json, old: Json, new: Json, depth: int = 0) -> Iterator[str]:
    """Yield what an answer held and does not any more, or holds and did not."""
    yield from _kinds(at, _types(now, new), _types(was, old), "announced")
    was, now = _resolved(was, old), _resolved(now, new)
    for value in now.get("enum", ()):
        if "enum" in was and value not in was["enum"]:
            yield f"{at}: {value!r} was not announced"
    fields = now.get("properties", {})
    for name, schema in was.get("properties", {}).items():
        if name not in fields:
            yield f"{at}.{name}: removed"
        elif depth < _DEPTH_MAX:
            yield from _given(f"{at}.{name}", schema, fields[name], old, new, depth + 1)
    for name in was.get("required", ()):
        if name in fields and name not in now.get("required", ()):
            yield f"{at}.{name}: not always there any more"
    if was.get("items") and now.get("items") and depth < _DEPTH_MAX:
        yield from _given(f"{at}[]", was["items"], now["items"], old, new, depth + 1)


_DEPTH_MAX = 8
_UPPER = ("maxLength", "maxItems", "maximum", "maxProperties")
_LOWER = ("minLength", "minItems", "minimum", "minProperties")


def _kinds(at: str, needed: set[str], offered: set[str], word: str) -> Iterator[str]:
    if offered:
        for kind in sorted(needed - offered) if needed else ["any other type"]:
            yield f"{at}: {kind} is not {word}"


def _limits(at: str, was: Json, now: Json) -> Iterator[str]:
    for limit in (*_UPPER, *_LOWER):
        if limit in now:
            sign = 1 if limit in _UPPER else -1
            if limit not in was or sign * now[limit] < sign * was[limit]:
                yield f"{at}: {limit} is {now[limit]} now"


def _resolved(schema: Json, document: Json) -> Json:
    """Return a schema without a reference, and without the null that it also allows."""
    if "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
        if len(choices) == 1:
            own = {name: value for name, value in schema.items() if name != "anyOf"}
            return _resolved(choices[0], document) | own
    if "$ref" in schema:
        found: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _types(schema: Json, document: Json) -> set[str]:
    """Return the types that a schema allows; none named means any."""
    if "$ref" in schema:
        return _types(_resolved(schema, document), document)
    if "anyOf" in schema:
        return {kind for choice in schema["anyOf"] for kind in _types(choice, document)}
    if "enum" in schema:
        return {"string" if isinstance(value, str) else "number" for value in schema["enum"]}
    kinds = schema.get("type", [])
    return set(kinds) if isinstance(kinds, list) else {kinds}
