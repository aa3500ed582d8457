"""Fields that a form left empty, as plain ASGI: without JavaScript, browsers send them all."""

from urllib.parse import parse_qsl, urlencode

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class WithoutEmptyFields:
    """Send a browser that asks for a page with empty parameters to the address without them."""

    def __init__(self, app: ASGIApp, apart: tuple[str, ...]) -> None:
        """`apart` are the beginnings of addresses that are no pages."""
        self.app = app
        self._apart = apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        query = scope.get("query_string", b"")
        if query and scope["type"] == "http" and scope["method"] == "GET" and not scope["path"].startswith(self._apart):
            given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
            if any(value == "" for _, value in given):
                kept = urlencode([(name, value) for name, value in given if value != ""])
                path = "/" + scope["path"].lstrip("/")  # an address that begins with two slashes names another host
                await RedirectResponse(f"{path}?{kept}" if kept else path, 303)(scope, receive, send)
                return
        await self.app(scope, receive, send)
