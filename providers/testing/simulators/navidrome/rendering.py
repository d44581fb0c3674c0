"""The envelope every Subsonic answer comes in: XML unless JSON is asked for, HTTP 200 even for errors."""

import json
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from werkzeug import Response

from providers.testing.simulators.navidrome.server import RefusedError

API_VERSION = "1.16.1"


class Envelope:
    """Wraps answers for one server version."""

    def __init__(self, server_version: str) -> None:
        self._head = {
            "version": API_VERSION,
            "type": "navidrome",
            "serverVersion": f"{server_version} (simulator)",
            "openSubsonic": True,
        }

    def answer(self, format_: str | None, payload: dict[str, Any]) -> Response:
        """A successful answer."""
        return self._wrapped(format_, {"status": "ok", **self._head, **payload})

    def refusal(self, format_: str | None, refused: RefusedError) -> Response:
        """A failed one."""
        error = {"code": refused.code, "message": refused.message}
        return self._wrapped(format_, {"status": "failed", **self._head, "error": error})

    def _wrapped(self, format_: str | None, body: dict[str, Any]) -> Response:
        if format_ == "json":
            return Response(json.dumps({"subsonic-response": body}, ensure_ascii=False), mimetype="application/json")
        root = _filled(Element("subsonic-response", xmlns="http://subsonic.org/restapi"), body)
        return Response(tostring(root, encoding="utf-8", xml_declaration=True), mimetype="application/xml")


def plain_text(status: int, text: str) -> Response:
    """What Navidrome says where there is no method to answer."""
    return Response(text, status=status, mimetype="text/plain")


def _filled(element: Element, body: dict[str, Any]) -> Element:
    for name, value in body.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                _filled(SubElement(element, name), item)
            elif isinstance(value, list):
                SubElement(element, name).text = str(item)
            else:
                element.set(name, str(item).lower() if isinstance(item, bool) else str(item))
    return element
