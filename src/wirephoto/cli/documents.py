"""`wirephoto openapi`: print the document of the HTTP interface."""

import json

from wirephoto.api.app import create_app
from wirephoto.api.openapi import openapi_document


def openapi() -> None:
    """Print the OpenAPI document.

    Example: wirephoto openapi > docs/openapi.json
    """
    print(json.dumps(openapi_document(create_app(None)), indent=2, ensure_ascii=False))
