"""
The HTTP surface as OpenAPI 3.1, built from what the code answers by: routes, codes, schemas.

`python -m scripts.docs` writes it to docs/openapi.json.
"""
# ruff: noqa: INP001 - a folder of scripts is no package

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from bus.runtime.health import Health, admin_app
from ingest.downloads import ROOT as BLOBS_ROOT
from ingest.handlers import HTTP_REFUSED, HTTP_STATUS, HTTP_TOLD, PROBES
from ingest.paths import ROUTES

ROOT = Path(__file__).parents[1]
Json = dict[str, Any]

_RECEIPT = "#/components/schemas/Receipt"
_ENTRY = "#/components/schemas/Entry"
_JSON = "application/json"
# Each reason of the register must stand here; a new one without words fails the build.
_MEANINGS = {
    "malformed": "the call is not valid HTTP",
    "disconnected": "the connection ended inside the body",
    "unauthenticated": "a missing or wrong credential, whatever the provider",
    "not-found": "another path, or no adapter for the provider",
    "method": "another method",
    "body-timeout": "the body did not arrive in time",
    "length-required": "neither Content-Length nor chunks",
    "too-large": "the body is over the limit",
    "content-encoding": "the body is compressed",
    "rate": "too many failed authentications from this address",
    "internal": "a fault of the endpoint's own",
    "overloaded": "too much is in flight",
    "not-durable": "neither Kafka nor the spool has taken it",
}
_KEPT = {
    "published": "Kafka has acknowledged it",
    "duplicate": "it was durable already",
    "spooled": "the spool has it, Kafka will",
    "quarantined": "authentic, not understood; its exact bytes are kept",
}
_RETRIED_FROM = 500


def openapi(version: str) -> Json:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "inferbus",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "The endpoint for inference webhooks and, on a port of its own, what"
            " operators ask. Written by `python -m scripts.docs` from the code.",
        },
        "servers": [{"url": "http://127.0.0.1:8080", "description": "ingest"}],
        "paths": {
            **{route: _webhook(route) for route in ROUTES},
            f"{BLOBS_ROOT}{{sha256}}": _blob(),
            **_admin_paths(),
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _webhook(route: str) -> Json:
    names = [part[1:-1] for part in route.split("/") if part.startswith("{")]
    methods = {method.lower(): _probe(method) for method in sorted(PROBES)}
    return {"parameters": [_text(name) for name in names], "post": _delivery(), **methods}


def _text(name: str) -> Json:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _probe(method: str) -> Json:
    ready = _answer("Ready for deliveries; nothing is published.", _status_schema("ready"))
    if method == "HEAD":
        del ready["content"]
    return {"summary": "Probe, without authentication", "responses": {"200": ready}}


def _delivery() -> Json:
    return {
        "summary": "Deliver a result",
        "description": "The body as the provider sends it. The credential stands in the path, or"
        " in the headers that the configured method asks for.",
        "requestBody": {"required": False, "content": {_JSON: {"schema": True}}},
        "responses": _receipts(),
    }


def _receipts() -> Json:
    words: dict[int, list[str]] = defaultdict(list)
    for status, code in HTTP_STATUS.items():
        words[code].append(f"`{status}`: {_KEPT[status]}")
    for reason, code in HTTP_REFUSED.items():
        words[code].append(f"`{HTTP_TOLD.get(reason, reason)}`: {_MEANINGS[reason]}")
    return {str(code): _receipt(code, said) for code, said in sorted(words.items())}


def _receipt(code: int, words: list[str]) -> Json:
    answer = _answer("; ".join(words), {"$ref": _RECEIPT})
    if code >= _RETRIED_FROM or code == HTTP_REFUSED["rate"]:
        seconds = {"schema": {"type": "string", "pattern": "^[0-9]+$"}}
        answer["headers"] = {"Retry-After": seconds}
    return answer


def _answer(description: str, schema: Json, media_type: str = _JSON) -> Json:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _blob() -> Json:
    refusals = {
        "401": _answer("No valid token.", {"$ref": _RECEIPT}),
        "404": _answer("There is no such blob.", {"$ref": _RECEIPT}),
        "503": _answer("The store is away, or too much is being read.", {"$ref": _RECEIPT}),
    }
    found = _answer("The exact bytes.", {}, "application/octet-stream")
    unchanged = {"304": {"description": "The reader has it already."}}
    get = {
        "summary": "Read a body above the inline limit",
        "description": "There only where `INFERBUS_INGEST__TOKENS` is set.",
        "security": [{"token": []}],
        "responses": {"200": found, **unchanged, **refusals},
    }
    bare = {code: {"description": each["description"]} for code, each in get["responses"].items()}
    return {"parameters": [_text("sha256")], "get": get, "head": {**get, "responses": bare}}


def _admin_paths() -> Json:
    """Return the paths of the admin port, as its own router knows them."""
    known = {"/livez": _livez(), "/readyz": _readyz(), "/metrics": _metrics()}
    server = {"url": "http://127.0.0.1:8081", "description": "admin port"}
    paths: dict[str, Json] = {}
    for route in admin_app(Health()).router.routes():
        path = str(route.resource.canonical) if route.resource else ""
        method = route.method.lower()
        operation = known[path] if method == "get" else _without_content(known[path])
        paths.setdefault(path, {"servers": [server]})[method] = operation
    return paths


def _without_content(operation: Json) -> Json:
    bare = {
        code: {"description": each["description"]} for code, each in operation["responses"].items()
    }
    return {**operation, "responses": bare}


def _livez() -> Json:
    alive = _answer("The process runs.", _status_schema("alive"))
    return {"summary": "Does the process run", "responses": {"200": alive}}


def _readyz() -> Json:
    ready = _answer("It can do its work.", {"$ref": "#/components/schemas/Readiness"})
    unready = {**ready, "description": "It cannot; the failing checks say why."}
    return {"summary": "Can it do its work", "responses": {"200": ready, "503": unready}}


def _metrics() -> Json:
    page = _answer("Prometheus' text format.", {"type": "string"}, "text/plain")
    return {"summary": "Its metrics", "responses": {"200": page}}


def _status_schema(word: str) -> Json:
    return {"type": "object", "required": ["status"], "properties": {"status": {"const": word}}}


def _schemas() -> Json:
    receipt = (ROOT / "schemas" / "v1" / "receipt.schema.json").read_text(encoding="utf-8")
    described: Json = json.loads(receipt.replace("#/$defs/entry", _ENTRY))
    entry = described.pop("$defs")["entry"]
    for name in ("$schema", "$id"):
        del described[name]
    return {"Entry": entry, "Receipt": described, "Readiness": _readiness()}


def _readiness() -> Json:
    check = {
        "type": "object",
        "required": ["status", "reason"],
        "properties": {
            "status": {"enum": ["ok", "degraded", "failing"]},
            "reason": {"type": ["string", "null"]},
        },
    }
    return {
        "type": "object",
        "required": ["status", "checks"],
        "properties": {
            "status": {"enum": ["ready", "unready"]},
            "checks": {"type": "object", "additionalProperties": check},
        },
    }
