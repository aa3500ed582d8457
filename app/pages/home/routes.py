"""Where somebody arrives."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

router = APIRouter(include_in_schema=False)

FIRST_PAGE = "/disagreement"


@router.get("/")
async def show_first_page() -> RedirectResponse:
    """Go to the page that people come for."""
    return RedirectResponse(FIRST_PAGE)
