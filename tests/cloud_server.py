"""Stand-ins for S3, Google Cloud and Azure on loopback: as much as keeping pictures takes."""

import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

BUCKET = "pictures"
SECRET = "canary-secret"
ADDRESSES = {cloud: f"{cloud}://{BUCKET}/kept" for cloud in ("s3", "gs", "az")}

# Azure's documentation, "Connect to the emulator": the account that everybody knows.
_AZURE_ACCOUNT = "devstoreaccount1"
_SIGNATURES = {
    "s3": re.compile(
        r"AWS4-HMAC-SHA256 Credential=AKIDTEST/\d{8}/eu-test-1/s3/aws4_request, "
        r"SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}"
    ),
    "az": re.compile(rf"SharedKey {_AZURE_ACCOUNT}:\S+"),
    "gs": re.compile(r"(?:Bearer\b.*)?"),  # an account without sign-in: reads come bare
}


class CloudServer:
    """One cloud's bucket in memory: it notes each request, and answers with `faults` first."""

    def __init__(self, cloud: str) -> None:
        self.cloud = cloud
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.faults: list[int] = []
        self.server: TestServer

    async def answer(self, request: web.Request) -> web.Response:
        """Check what the cloud would check, then do what was asked."""
        ranged = request.headers.get("Range", "")
        self.requests.append(f"{request.method} {request.path_qs} {ranged}".strip())
        if self.faults:
            return _failure(self.faults.pop(), "Fault")
        body = await request.read()
        if not _SIGNATURES[self.cloud].fullmatch(request.headers.get("Authorization", "")):
            return _failure(403, "AccessDenied")
        hashed = request.headers.get("x-amz-content-sha256")
        if self.cloud == "s3" and hashed != hashlib.sha256(body).hexdigest():
            return _failure(400, "XAmzContentSHA256Mismatch")
        path = request.path.removeprefix("/").removeprefix(f"{_AZURE_ACCOUNT}/")
        bucket, _, key = path.partition("/")
        if bucket != BUCKET:
            return _failure(404, "NoSuchBucket")
        if request.method == "POST" and "delete" in request.query:
            return self._delete_as_s3(body)
        if request.method == "POST" and request.query.get("comp") == "batch":
            return self._delete_as_azure(body)
        return self._object(request, key, body)

    def _object(self, request: web.Request, key: str, body: bytes) -> web.Response:
        if request.method == "PUT":
            self.objects[key] = body
            return web.Response(status=201 if self.cloud == "az" else 200, headers=_facts(body))
        if key not in self.objects:
            return _failure(404, "NoSuchKey")
        if request.method == "DELETE":
            del self.objects[key]
            return web.Response(status=204)
        whole = self.objects[key]
        ranged = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if not ranged:
            return web.Response(body=whole, headers=_facts(whole))
        start, stop = int(ranged[1]), min(int(ranged[2]) + 1, len(whole))
        if start >= len(whole):
            return _failure(416, "InvalidRange")
        headers = {"Content-Range": f"bytes {start}-{stop - 1}/{len(whole)}", **_facts(whole)}
        return web.Response(status=206, body=whole[start:stop], headers=headers)

    def _delete_as_s3(self, body: bytes) -> web.Response:
        """Delete up to a thousand keys; those that are not there count as deleted."""
        keys = [
            str(entry.text) for entry in ET.fromstring(body).iter() if entry.tag.endswith("Key")
        ]
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        text = f"<DeleteResult>{deleted}</DeleteResult>"
        return web.Response(text=text, content_type="application/xml")

    def _delete_as_azure(self, body: bytes) -> web.Response:
        """Delete up to 256 keys; each part tells of one, 404 where it was not there."""
        paths = re.findall(rb"DELETE /(\S+) HTTP/1.1", body)
        parts = []
        for number, path in enumerate(paths):
            key = path.decode().removeprefix(f"{_AZURE_ACCOUNT}/").removeprefix(f"{BUCKET}/")
            there = self.objects.pop(key, None) is not None
            status = "202 Accepted" if there else "404 The specified blob does not exist."
            parts.append(
                f"--batch\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\n"
                f"HTTP/1.1 {status}\r\nServer: test\r\n\r\n"
            )
        text = "".join(parts) + "--batch--\r\n"
        kind = {"Content-Type": "multipart/mixed; boundary=batch"}
        return web.Response(status=202, body=text.encode(), headers=kind)


def _facts(body: bytes) -> dict[str, str]:
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return {"ETag": f'"{digest}"', "Last-Modified": formatdate(0, usegmt=True)}


def _failure(status: int, code: str) -> web.Response:
    text = f"<Error><Code>{code}</Code><Message>canary</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")


@asynccontextmanager
async def open_cloud(cloud: str, environment: pytest.MonkeyPatch) -> AsyncIterator[CloudServer]:
    """Serve a cloud's bucket, and point the usual variables at it, until the block ends."""
    made = CloudServer(cloud)
    app = web.Application(client_max_size=64_000_000)
    app.router.add_route("*", "/{tail:.*}", made.answer)
    made.server = TestServer(app)
    await made.server.start_server()
    for name, value in _variables(cloud, f"http://127.0.0.1:{made.server.port}").items():
        environment.setenv(name, value)
    try:
        yield made
    finally:
        await made.server.close()


def _variables(cloud: str, url: str) -> dict[str, str]:
    if cloud == "s3":
        return {
            "AWS_ENDPOINT": url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "AKIDTEST",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "eu-test-1",
        }
    if cloud == "az":
        return {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": url}
    account = {"gcs_base_url": url, "disable_oauth": True, "client_email": ""}
    account |= {"private_key": "", "private_key_id": ""}
    return {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account)}
