"""The two languages of Last.fm's API: XML unless JSON is asked for, and HTML when it is not the API that answers."""

import json
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from werkzeug import Response

from providers.testing.simulators.lastfm.accounts import RefusedError


def answer(format_: str | None, payload: dict[str, Any]) -> Response:
    """A successful answer."""
    if format_ == "json":
        return _json(payload, 200)
    root = Element("lfm", status="ok")
    for name, value in payload.items():
        _append(root, name, value)
    return _xml(root, 200)


def refusal(format_: str | None, refused: RefusedError) -> Response:
    """An error of the API, under the HTTP status it comes with."""
    if format_ == "json":
        return _json({"error": refused.code, "message": refused.message, "links": []}, refused.status)
    root = Element("lfm", status="failed")
    SubElement(root, "error", code=str(refused.code)).text = refused.message
    return _xml(root, refused.status)


def error_page(status: int, reason: str) -> Response:
    """What the servers in front of the API say."""
    page = f"<html><head><title>{status} {reason}</title></head><body><h1>{status} {reason}</h1></body></html>"
    return Response(page, status=status, mimetype="text/html")


def _json(payload: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(payload, ensure_ascii=False), status=status, mimetype="application/json")


def _xml(root: Element, status: int) -> Response:
    return Response(tostring(root, encoding="utf-8", xml_declaration=True), status=status, mimetype="text/xml")


def _append(parent: Element, name: str, value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _append(parent, name, item)
        return
    element = SubElement(parent, name)
    if not isinstance(value, dict):
        element.text = str(value)
        return
    for key, child in value.items():
        if key == "#text":
            element.text = child
        elif key == "@attr":
            element.attrib.update(child)
        elif "#text" in value:
            element.set(key, child)
        else:
            _append(element, key, child)
