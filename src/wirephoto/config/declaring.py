"""How a setting is declared."""

from typing import Any

from pydantic import Field


def setting(variable: str, default: Any, description: str, **limits: Any) -> Any:
    """Return the field of a setting: the variable that it is read from, and what it is for."""
    return Field(default, validation_alias=variable, description=description, **limits)
