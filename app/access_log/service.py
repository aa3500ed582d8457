"""What is written to the access log, and when.

Each answered request of an operation that can show patients' data is one row, stored in the request's transaction:
it is committed before the answer is sent. An operation is recorded unless `SHOWS_NO_PATIENT` names it, so that a new
one cannot be forgotten.
"""

import uuid

from fastapi import Request, Response
from sqlalchemy.orm import Session
from starlette.types import Scope

from app.access_log import queries
from app.access_log.queries import Entry
from app.access_log.shown import shown_by
from app.reviews.blindness.service import refuse_while_blind

MOST_IDS = 500
"""ECGs that a row names, as many as a page can hold; beyond that it counts them."""

SHOWS_NO_PATIENT = frozenset(
    {
        *("who_am_i", "list_audit", "list_access_log", "list_sites", "set_time_zone"),
        *("list_users", "add_user", "change_user", "make_sign_in_link", "list_keys", "make_key", "revoke_key"),
        *("list_sessions", "end_sessions", "end_session"),
        *("show_account", "set_password", "make_own_key", "revoke_own_key", "end_own_session", "end_other_sessions"),
        *("show_people", "show_person", "add_person", "change_person", "make_persons_link"),
        *("revoke_persons_key", "end_persons_session", "end_persons_sessions", "show_audit", "show_access_log"),
        *("list_jobs", "get_job", "cancel_job", "stream_events"),  # recorded where a preview's result shows ECGs
        *("freeze_dataset", "count_choice", "list_datasets", "get_dataset", "start_training", "start_evaluation"),
        "get_evaluation",
        *("list_models", "get_model", "get_model_card", "get_model_plot", "get_model_as_onnx"),
        "promote_model",
        *("start_discrepancy_model", "list_discrepancy_models", "get_discrepancy_model", "delete_discrepancy_model"),
        *("show_discrepancy_models", "show_discrepancy_model"),
        *("start_export", "start_bulk_prediction"),
        *("get_change_watch", "count_change_watch", "list_change_streams", "get_change_stream"),  # counts alone
        *("list_change_alarms", "answer_change_alarm"),
        *("show_change_watch", "show_change_stream", "show_triage"),
        *("make_triage_rule", "list_triage_rules", "get_triage_rule"),
        *("start_study", "get_study", "get_study_file"),
        *("list_vocabularies", "upload_vocabulary", "get_vocabulary", "activate_vocabulary"),
        "preview_vocabulary",  # recorded where it shows ECGs
        *("draft_vocabulary", "show_vocabularies", "show_vocabulary", "get_vocabulary_file", "show_draft"),
        *("compare_vocabularies", "show_preview"),  # a preview is read by the browser from its job
        *("start_import", "list_import_rejections"),  # places without names
        *("erase_ecg", "erase_patient", "list_erasures", "lift_erasure", "rebuild_dataset"),
        *("extract_labels", "try_out", "show_try_it"),  # the client's own text, or file
        *("list_terms", "list_review_lists", "get_review_list", "close_review_list"),
        *("save_review_draft", "release_review_item"),  # the client's own text
        *("start_over_read_audit", "get_over_read_audit_precision", "get_over_read_audit_readers"),
        *("show_review_lists_page", "show_new_review_list_page", "show_reading_page"),  # they hold nothing of an ECG
        *("show_jobs", "show_job", "show_datasets", "show_new_dataset", "count_new_dataset", "show_dataset"),
        *("show_models", "show_training", "show_model", "show_model_curves", "compare_models"),
        *("show_evaluation", "show_evaluation_curves"),
    }
)
"""Operations, by their functions' names, whose answers hold no patient's data."""

OPEN_WHILE_BLIND = frozenset(
    {
        *("claim_review_item", "get_open_review", "get_review_item", "get_review_waveform"),
        *("lock_review_item", "sign_review_item"),
    }
)
"""Operations that show an ECG and stay open to whoever reads one blind: they take care of it themselves."""

CLOSED_WHILE_BLIND = frozenset({"try_out"})
"""Operations that show no stored ECG, and that are closed all the same: a model would say what it makes of this one."""

SHOWS_NO_READING = OPEN_WHILE_BLIND | {"get_waveform", "get_plot"}
"""Operations after which a user has not seen an ECG's readings; what reviews show is in `review_shown`."""


def refuse_blind_reader(session: Session, request: Request, user_id: uuid.UUID) -> None:
    """Raise the 409 of a user who reads an ECG blind, where the operation could show a reading of it.

    As with the log, an operation is refused unless it is named: a new one cannot be forgotten. It comes before
    anything is done, so that no error, no conflict and no side effect tells of a reading either.
    """
    if operation_of(request.scope) not in (SHOWS_NO_PATIENT | OPEN_WHILE_BLIND) - CLOSED_WHILE_BLIND:
        refuse_while_blind(session, user_id)


def record(session: Session, request: Request, response: Response, user_id: uuid.UUID) -> None:
    """Write down what a user is about to be answered, where it can show patients' data."""
    shown = shown_by(request)
    ecg_ids = shown.ids
    operation = operation_of(request.scope)
    if operation in SHOWS_NO_PATIENT:
        if not ecg_ids:
            return
        refuse_while_blind(session, user_id)  # a preview's result, for instance
    entry = Entry(
        user_id=user_id,
        operation=operation,
        status=response.status_code or getattr(request.scope["route"], "status_code", None) or 200,
        ecg_ids=ecg_ids[:MOST_IDS],
        ecgs=shown.number,
        address=address_of(request.scope),
        request_id=request.state.request_id,
    )
    queries.add(session, entry, only_reads=request.method in {"GET", "HEAD"})


def operation_of(scope: Scope) -> str:
    """Return the name of the function that answers a request; `-` where no route was found."""
    return getattr(scope.get("route"), "name", None) or "-"


def address_of(scope: Scope) -> str:
    """Return the client's network address."""
    client = scope.get("client")
    return client[0] if client else "-"
