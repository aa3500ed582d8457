"""Making ready for the API: what workers of a killed service had is taken up at once."""

import uuid

from app.auth.tables import User
from app.ecgs.tables import Ecg
from app.embedded.serve import prepare
from app.jobs import queries as jobs
from app.jobs import service as job_service
from app.jobs.doorbell import Doorbell
from app.kit.database import Database
from app.models import queries as models
from app.predictions import queries as predictions
from app.predictions.tables import Prediction
from app.settings import Settings


def test_a_start_on_its_own_database_ends_the_leases_of_workers_that_are_gone(
    settings: Settings, database: Database
) -> None:
    prepare(settings, own_database=False)  # the starter model
    with database.begin() as session:
        user, ecg = User(name="asker", role="researcher"), Ecg(record=uuid.uuid4().hex, sex="unknown")
        session.add_all([user, ecg])
        session.flush()
        job_id = job_service.create(session, Doorbell(settings), user, "dataset", params={}).id
        assert jobs.claim(session, job_id, lease_s=600) is not None
        model = models.shipped(session)
        assert model is not None
        question = predictions.ask(session, ecg.id, model.id, user.id, phrases=[])
        assert len(predictions.claim(session, Prediction, 600, most=1)) == 1

    prepare(settings, own_database=False)  # others may run workers on a configured database
    with database.begin() as session:
        assert jobs.claim(session, job_id, lease_s=600) is None
        assert predictions.claim(session, Prediction, 600, most=1) == []

    prepare(settings, own_database=True)
    with database.begin() as session:
        assert jobs.claim(session, job_id, lease_s=600) is not None
        [again] = predictions.claim(session, Prediction, 600, most=1)
        assert again.id == question.id
