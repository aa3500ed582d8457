"""The check that every API test makes of its answers does find what is not declared."""

import httpx
import pytest

from app.settings import Settings
from tests.app.application import application
from tests.conftest import check_declared


@pytest.mark.parametrize(
    ("status", "media_type"), [(418, "application/json"), (200, "text/plain")], ids=["status", "media type"]
)
def test_an_undeclared_answer_is_found(settings: Settings, status: int, media_type: str) -> None:
    request = httpx.Request("GET", "http://testserver/v1/me")
    answer = httpx.Response(status, headers={"content-type": media_type}, request=request)
    with pytest.raises(AssertionError, match="answers"):
        check_declared(application(settings), answer)
