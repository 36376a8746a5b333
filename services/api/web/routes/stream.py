"""The description of the changes stream: the AsyncAPI document, and a page to read."""

import orjson
from fastapi import APIRouter, Response

from shared.http.parameters import KNOWN_ONLY


def stream_routes() -> APIRouter:
    """The document and the page. What makes them is imported once one is asked for: it takes long."""
    router = APIRouter(include_in_schema=False, dependencies=[KNOWN_ONLY])

    @router.get("/asyncapi.json")
    async def as_json() -> Response:
        from services.api.web.asyncapi import document

        return Response(orjson.dumps(document()), media_type="application/json")

    @router.get("/asyncapi")
    async def as_page() -> Response:
        from services.api.web.asyncapi import page

        return Response(page(), media_type="text/html")

    return router
