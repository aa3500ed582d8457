"""An answer that is made after the request's transaction has ended."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Deferred(Response):
    """A response that is made when it is sent: after the request's session has been committed and closed.

    So `make` may wait: the request holds no connection. What `make` holds, it holds until the answer has been sent.
    It may raise a `Problem` before it yields.
    """

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[Response]]) -> None:
        super().__init__()
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the response and send it."""
        async with self._make() as response:
            await response(scope, receive, send)
