"""What a reader's `curl` does, for machines that have none."""

import argparse
import base64
import json
import shlex
import string
import urllib.error
import urllib.request
from typing import Any


def curl(command: str, **variables: str) -> tuple[int, dict[str, Any]]:
    """Run a `curl` as it is printed; return status and JSON. Variables stand for the shell's."""
    command = string.Template(command.replace("\\\n", " ")).safe_substitute(variables)
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    parser.add_argument("-u", dest="login")
    typed = parser.parse_args(shlex.split(command)[1:])
    url = typed.url if "://" in typed.url else f"http://{typed.url}"
    body = typed.body.encode() if typed.body is not None else None
    request = urllib.request.Request(
        url, data=body, method=typed.method or ("POST" if body else "GET")
    )
    if typed.login:
        login = base64.b64encode(typed.login.encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
    for header in typed.headers:
        name, _, value = header.partition(":")
        request.add_header(name, value.strip())
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
