"""The same service for people: pages made on the server. They call what the API calls, and have no SQL of their own.

A new area of pages is a folder with `routes.py`, and one entry of `PAGES`.
"""

from app.pages.disagreement.compare_routes import router as comparison
from app.pages.disagreement.listing_routes import router as differing_ecgs
from app.pages.disagreement.routes import router as disagreement
from app.pages.disagreement.trend_routes import router as trend_and_flow
from app.pages.disagreement.watch_routes import router as watch_and_triage
from app.pages.ecgs.routes import router as ecgs
from app.pages.home.routes import router as home
from app.pages.people.account import router as account
from app.pages.people.logs import router as logs
from app.pages.people.sign_in import router as doors
from app.pages.people.users import router as people
from app.pages.reviews.over_read_audit import router as over_read_audit
from app.pages.reviews.routes import router as reviews
from app.pages.try_it.routes import router as try_it
from app.pages.vocabularies.routes import router as vocabularies
from app.pages.work.datasets import router as datasets
from app.pages.work.discrepancy import router as discrepancy_models
from app.pages.work.jobs import router as jobs
from app.pages.work.models import router as models

PAGES = (
    *(home, comparison, differing_ecgs, disagreement, trend_and_flow, watch_and_triage, ecgs, reviews),
    *(over_read_audit, try_it),
    *(datasets, jobs, models, discrepancy_models, vocabularies),
    *(doors, account, people, logs),
)
"""The routers of the pages. They are not part of the API's description."""
