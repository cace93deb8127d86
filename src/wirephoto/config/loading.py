"""Puts settings together from flags, environment and `.env`, and finds every fault in them."""

import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv.parser import Binding, parse_stream
from pydantic import ValidationError

from wirephoto.config.settings import ALL_ROLES, VARIABLES, MediaMode, Role, Settings
from wirephoto.errors import SettingsInvalid

ENV_FILE = Path(".env")
"""Read from the working directory if it is there; a file named explicitly must exist."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PREFIX = "WIREPHOTO_"
_OTHER_PREFIXES = ("WIREPHOTO_TEST_", "WIREPHOTO_BENCH_")
_CLIENT_NAMES = frozenset({"WIREPHOTO_URL"})
"""Read by commands that talk to a gateway, which is why the gateway does not know them."""
_VARIABLE_OF = {field: variable for variable, field in VARIABLES.items()}


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    env_file: Path | None = ENV_FILE,
    roles: frozenset[Role] | None = None,
) -> Settings:
    """Return the settings: `overrides` (flags) over the environment over `env_file`.

    `overrides` names fields of `Settings`; a None in it means that the flag was not given. `roles`
    replaces what `WIREPHOTO_ROLES` says: a command that sends nothing passes an empty set, and
    nothing is required of it.

    Raises:
        SettingsInvalid: with every fault, not only the first.
    """
    from_file, faults = _read_env_file(env_file)
    in_environment = {name for name in VARIABLES if os.environ.get(name)}
    chosen: dict[str, Any] = {
        name: value
        for name, value in from_file.items()
        if name in VARIABLES and name not in in_environment
    }
    chosen |= _flags(overrides or {}, roles)
    faults += _unknown({*from_file, *os.environ})
    chosen_roles = chosen.get("WIREPHOTO_ROLES", os.environ.get("WIREPHOTO_ROLES"))
    faults += _contradictions({*chosen, *in_environment}, _roles_of(chosen_roles))
    try:
        settings = Settings(**chosen)
    except ValidationError as error:
        # Not chained: the validator's own account would show the values.
        raise SettingsInvalid(faults + _lines(error)) from None
    if settings.reports and settings.vonage_api_key is None:
        faults.append("VONAGE_API_KEY: is missing; WIREPHOTO_REPORTS needs it")
    faults += _look_up_faults(settings)
    if settings.media_mode is MediaMode.CONVERT and settings.public_url is None:
        faults.append("PUBLIC_URL: is missing; WIREPHOTO_MEDIA=convert hosts pictures behind it")
    if faults:
        raise SettingsInvalid(faults)
    return settings


def _flags(overrides: Mapping[str, Any], roles: frozenset[Role] | None) -> dict[str, Any]:
    flags = {_VARIABLE_OF[name]: value for name, value in overrides.items() if value is not None}
    return flags if roles is None else flags | {"WIREPHOTO_ROLES": roles}


def _read_env_file(path: Path | None) -> tuple[dict[str, str], list[str]]:
    """Return names with their values as written (`$` means nothing special), and the faults."""
    if path is None or (path == ENV_FILE and not path.exists()):
        return {}, []
    try:
        with path.open(encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except UnicodeDecodeError:
        return {}, [f"{path}: is not UTF-8 text"]
    except OSError as error:
        return {}, [f"{path}: cannot be read: {error.strerror}"]
    faults = [f"{path} line {each.original.line}: is not NAME=value" for each in _broken(bindings)]
    return {each.key: each.value for each in bindings if each.key and each.value}, faults


def _broken(bindings: list[Binding]) -> Iterator[Binding]:
    for binding in bindings:
        blank = binding.key is None and not binding.error  # an empty line, or a comment
        if not blank and (binding.value is None or not _NAME.fullmatch(binding.key or "")):
            yield binding


def _unknown(names: Collection[str]) -> list[str]:
    """Return a fault for each of our own names that is no setting: a typo changes nothing."""
    faults = []
    for name in sorted(names):
        if not name.startswith(_PREFIX) or name.startswith(_OTHER_PREFIXES):
            continue
        if name in VARIABLES or name in _CLIENT_NAMES:
            continue
        close = difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.8)
        hint = f"; did you mean {close[0]}?" if close else ""
        faults.append(f"{name}: is not a setting{hint}")
    return faults


def _roles_of(value: object) -> frozenset[str]:
    """Return the roles as far as they can be read; what is wrong with them is said elsewhere."""
    if isinstance(value, frozenset):
        return value
    names = {part.strip() for part in value.split(",")} if isinstance(value, str) else set()
    return ALL_ROLES & names or ALL_ROLES


def _contradictions(given: Collection[str], roles: frozenset[str]) -> list[str]:
    """Return what is missing, and what does not go together, whatever the values are."""
    faults = []
    for one, other in (
        ("VONAGE_API_KEY", "VONAGE_API_SECRET"),
        ("VONAGE_API_SECRET", "VONAGE_API_KEY"),
        ("WIREPHOTO_TLS_CERTIFICATE", "WIREPHOTO_TLS_KEY"),
        ("WIREPHOTO_TLS_KEY", "WIREPHOTO_TLS_CERTIFICATE"),
    ):
        if one in given and other not in given:
            faults.append(f"{other}: is missing; it goes with {one}")
    if {"VONAGE_PRIVATE_KEY", "VONAGE_PRIVATE_KEY_PATH"} <= set(given):
        faults.append("VONAGE_PRIVATE_KEY: is given twice; remove it or VONAGE_PRIVATE_KEY_PATH")
    if Role.DISPATCH in roles:
        if "VONAGE_APPLICATION_ID" not in given:
            faults.append("VONAGE_APPLICATION_ID: is missing; sending needs it")
        if not {"VONAGE_PRIVATE_KEY", "VONAGE_PRIVATE_KEY_PATH"} & set(given):
            faults.append("VONAGE_PRIVATE_KEY_PATH: is missing; sending needs it")
    if roles and roles != ALL_ROLES and "WIREPHOTO_SECRET" not in given:
        faults.append("WIREPHOTO_SECRET: is missing; processes with different roles share it")
    return faults


def _look_up_faults(settings: Settings) -> list[str]:
    """Return what is missing to look numbers up, which those do who prepare messages."""
    if settings.look_up == "off" or Role.MEDIA not in settings.roles:
        return []
    faults = []
    if settings.vonage_application_id is None:
        faults.append("VONAGE_APPLICATION_ID: is missing; WIREPHOTO_LOOK_UP needs it")
    if settings.private_key is None:
        faults.append("VONAGE_PRIVATE_KEY_PATH: is missing; WIREPHOTO_LOOK_UP needs it")
    return faults


def _lines(error: ValidationError) -> list[str]:
    """Return one line per variable."""
    lines: dict[str, str] = {}
    for each in error.errors(include_input=False, include_url=False, include_context=False):
        sentence = each["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
        lines.setdefault(str(each["loc"][0]), sentence)
    return [f"{variable}: {sentence}" for variable, sentence in lines.items()]
