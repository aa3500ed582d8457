"""Every table, imported in one place for those who need the whole schema."""

from app.access_log.tables import Access
from app.auth.sessions.tables import SignInLink, SignInTries, UserSession
from app.auth.tables import ApiKey, User
from app.change_watch.tables import Watch, WatchAlarm, WatchDay, WatchStream
from app.datasets.tables import Dataset, DatasetEcg
from app.disagreement.tables import AttributeValue, Cell, CellOutcome, Pair, Snapshot
from app.discrepancy_models.tables import DiscrepancyModel, DiscrepancyModelEcg, PredictedChange
from app.ecgs.patients.tables import PatientKey
from app.ecgs.tables import Ecg
from app.erasures.tables import Erasure, ObjectToDelete, Tombstone
from app.imports.tables import ImportedFile, Rejection
from app.jobs.tables import Job, JobEvent
from app.kit.audit import AuditEntry
from app.kit.database import Base
from app.models.tables import Model
from app.over_read_audit.tables import OverReadAudit, OverReadDecision, OverReadFlag, OverReadReader
from app.predictions.tables import Prediction
from app.reports.tables import Labeling, Report, StoredStatement, StoredText
from app.reviews.tables import (
    ReviewGold,
    ReviewItem,
    ReviewList,
    ReviewReading,
    ReviewShown,
    ReviewVersion,
)
from app.sites.tables import Site
from app.triage_rules.tables import TriageRule
from app.trials.tables import Trial
from app.vocabularies.tables import VocabularyRow

metadata = Base.metadata

__all__ = [
    "Access",
    "ApiKey",
    "AttributeValue",
    "AuditEntry",
    "Cell",
    "CellOutcome",
    "Dataset",
    "DatasetEcg",
    "DiscrepancyModel",
    "DiscrepancyModelEcg",
    "Ecg",
    "Erasure",
    "ImportedFile",
    "Job",
    "JobEvent",
    "Labeling",
    "Model",
    "ObjectToDelete",
    "OverReadAudit",
    "OverReadDecision",
    "OverReadFlag",
    "OverReadReader",
    "Pair",
    "PatientKey",
    "PredictedChange",
    "Prediction",
    "Rejection",
    "Report",
    "ReviewGold",
    "ReviewItem",
    "ReviewList",
    "ReviewReading",
    "ReviewShown",
    "ReviewVersion",
    "SignInLink",
    "SignInTries",
    "Site",
    "Snapshot",
    "StoredStatement",
    "StoredText",
    "Tombstone",
    "TriageRule",
    "Trial",
    "User",
    "UserSession",
    "VocabularyRow",
    "Watch",
    "WatchAlarm",
    "WatchDay",
    "WatchStream",
    "metadata",
]
