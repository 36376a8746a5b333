"""The methods that a path takes, of all its routes together (RFC 9110, 10.2.1)."""

from typing import Final

from starlette.requests import Request
from starlette.routing import Match

_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def allowed(request: Request, *, heads: bool) -> dict[str, str]:
    """The header `Allow`; with `heads`, what stands before the app answers HEAD wherever the app answers GET."""
    taken = [
        method for method in _METHODS if _takes(request, "GET" if heads and method == "HEAD" else method)
    ]
    return {"Allow": ", ".join(taken)}


def _takes(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
