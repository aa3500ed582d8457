"""The migrations are the schema: they agree with the models, and go back and forth."""

import json
import uuid

import httpx
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from app.disagreement.pairs.queries import refresh_pairs
from app.kit.database import Database
from app.migrate import config
from app.reports.queries import text_ids
from app.tables import metadata
from app.vocabularies.service import Labelers
from tests.app.vocabularies.test_vocabularies import add_ecg


def _is_ours(item: object, name: str | None, kind: str, *_: object) -> bool:
    return not (kind == "table" and name is not None and name.endswith(("_0", "_1")))  # partitions


def test_models_and_migrations_agree(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _is_ours})
        assert compare_metadata(context, metadata) == []


def test_down_and_up_again(database: Database) -> None:
    with database.engine.begin() as connection:
        before = set(inspect(connection).get_table_names())
        command.downgrade(config(connection), "base")
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
        command.upgrade(config(connection), "head")
        assert set(inspect(connection).get_table_names()) == before


REPORTS_OF_0001 = [  # source, reader, version, current, text, codes
    ("machine", "", 1, True, "Sinus rhythm\nT wave abnormality", None),
    ("overread", "a", 1, False, "AF", None),
    ("overread", "a", 2, True, "Ätrial \\ 'fib'", None),
    ("overread", "b", 1, True, None, '[{"system": "SCP", "code": "AFIB", "certainty": 0.5}]'),
]


def _fill_0001(connection: Connection, ecgs: int) -> None:
    """Two vocabularies, and ECGs whose reports say the same, with a labeling of the old kind each and a pair."""
    connection.execute(
        text(
            "INSERT INTO vocabularies (id, version, yaml, active) VALUES (gen_random_uuid(), 'old', 'y', false), "
            "(gen_random_uuid(), 'new', :yaml, true)"
        ),
        {"yaml": "languages: [de]\nlabels:\n  - {key: afib, name: AF}\n"},
    )
    connection.execute(
        text(
            "INSERT INTO cells (machine_present, machine_uncertain, overread_present, overread_uncertain) "
            "VALUES (1, 2, 4, 8)"
        )
    )
    for _ in range(ecgs):
        ecg = uuid.uuid4()
        connection.execute(
            text("INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz) VALUES (:id, :sha, 5000, 500)"),
            {"id": ecg, "sha": ecg.hex * 2},
        )
        for number, (source, reader, version, current, words, codes) in enumerate(REPORTS_OF_0001):
            report = uuid.uuid4()
            connection.execute(
                text(
                    "INSERT INTO reports (id, ecg_id, source, reader, version, current, text, codes) VALUES "
                    "(:id, :ecg, :source, :reader, :version, :current, :text, CAST(:codes AS jsonb))"
                ),
                {"id": report, "ecg": ecg, "source": source, "reader": reader, "version": version, "current": current,
                 "text": words, "codes": codes},
            )  # fmt: skip
            connection.execute(
                text(
                    "INSERT INTO labelings (id, report_id, vocabulary_id, present, uncertain, negated, historical, "
                    "findings) SELECT gen_random_uuid(), :report, id, :number, 0, 0, 0, "
                    "jsonb_build_array(jsonb_build_object('label', version)) FROM vocabularies"
                ),
                {"report": report, "number": number},
            )
        connection.execute(
            text(
                "INSERT INTO pairs (ecg_id, cell_id, site, reader, sex, age) "
                "SELECT :ecg, id, 'north', 'a', 'female', 50 FROM cells"
            ),
            {"ecg": ecg},
        )


def _stored(connection: Connection, said: str) -> list[tuple[object, ...]]:
    """What is stored of every report under every vocabulary; `said` joins reports to words and labelings."""
    rows = connection.execute(
        text(
            f"SELECT r.id, r.ecg_id, source, reader, r.version, current, {said} "
            "JOIN vocabularies v ON v.id = l.vocabulary_id ORDER BY r.id, v.version"
        )
    )
    return [tuple(row) for row in rows]


NAMED = """
    SELECT ecg_id, cell_id, recorded_at, s.value AS site, d.value AS device, coalesce(r.value, '') AS reader,
           (ARRAY['unknown', 'male', 'female'])[sex + 1] AS sex, age
    FROM pairs LEFT JOIN attribute_values s ON s.id = site_id LEFT JOIN attribute_values d ON d.id = device_id
    LEFT JOIN attribute_values r ON r.id = reader_id
"""


def test_data_of_the_first_schema_is_carried_over_and_back(database: Database) -> None:
    masks = "l.present, l.uncertain, l.negated, l.historical, l.findings, v.version"
    old = f"r.text, r.codes, {masks} FROM reports r JOIN labelings l ON l.report_id = r.id"
    new = (
        f"t.text, t.codes, {masks} FROM reports r JOIN texts t ON t.id = r.text_id JOIN labelings l ON l.text_id = t.id"
    )
    pairs = "SELECT ecg_id, cell_id, recorded_at, site, device, reader, sex, age FROM pairs ORDER BY ecg_id"
    named = f"{NAMED} ORDER BY ecg_id"
    with database.engine.begin() as connection:
        command.downgrade(config(connection), "0001")
        connection.execute(text("DELETE FROM vocabularies"))
        _fill_0001(connection, ecgs=3)
        before, pairs_before = _stored(connection, old), connection.execute(text(pairs)).all()
        assert len(before) == 3 * 4 * 2 and len(pairs_before) == 3
        command.upgrade(config(connection), "head")
        assert _stored(connection, new) == before
        assert connection.execute(text(named)).all() == pairs_before
        assert connection.execute(text("SELECT count(*) FROM texts")).scalar_one() == 4
        assert connection.execute(text("SELECT count(*) FROM labelings")).scalar_one() == 4 * 2
        slots = connection.execute(text("SELECT version, state, slot FROM vocabularies ORDER BY version")).all()
        assert [tuple(row) for row in slots] == [("new", "active", 0), ("old", "inactive", None)]
        outlines = connection.execute(text("SELECT outline FROM vocabularies ORDER BY version")).scalars().all()
        assert outlines[0] == {"languages": ["de"], "labels": [{"key": "afib", "name": "AF"}]}
    with database.begin() as session:  # words and codes are found again as the service looks for them
        for _, _, _, _, words, codes in REPORTS_OF_0001:
            text_ids(session, [(words, json.loads(codes) if codes else None)])
        assert session.execute(text("SELECT count(*) FROM texts")).scalar_one() == 4
    with database.engine.begin() as connection:
        command.downgrade(config(connection), "0001")
        assert _stored(connection, old) == before
        assert connection.execute(text(pairs)).all() == pairs_before


OF_0003 = [  # slot, recorded_at, site, device, reader, sex, age
    (0, "2024-02-29T23:30:00-05:00", "north", "MAC", "a", "male", 40.5),
    (0, None, None, None, "", "unknown", None),
    (0, "2019-12-31T23:59:59Z", "a", "a", "a", "female", 0.0),
    (1, "2024-02-29T23:30:00-05:00", "north", "MAC", "a", "male", 40.5),
]


def test_pairs_of_the_third_schema_are_carried_over_counted_and_carried_back(database: Database) -> None:
    pairs = "SELECT slot, ecg_id, cell_id, recorded_at, site, device, reader, sex, age FROM pairs ORDER BY slot, ecg_id"
    with database.engine.begin() as connection:
        command.downgrade(config(connection), "0003")
        connection.execute(
            text(
                "INSERT INTO cells (machine_present, machine_uncertain, overread_present, overread_uncertain) "
                "VALUES (1, 2, 4, 2)"
            )
        )
        for slot, *known in OF_0003:
            ecg = uuid.uuid4()
            connection.execute(
                text("INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz) VALUES (:id, :sha, 5000, 500)"),
                {"id": ecg, "sha": ecg.hex * 2},
            )
            connection.execute(
                text(
                    "INSERT INTO pairs SELECT :slot, :ecg, id, CAST(:a AS timestamptz), :b, :c, :d, :e, :f FROM cells"
                ),
                {"slot": slot, "ecg": ecg, **dict(zip("abcdef", known, strict=True))},
            )
        before = connection.execute(text(pairs)).all()
        command.upgrade(config(connection), "head")
        named = f"SELECT slot, named.* FROM ({NAMED}) named JOIN pairs USING (ecg_id) ORDER BY slot, ecg_id"
        assert connection.execute(text(named)).all() == before
        months = connection.execute(text("SELECT month, age_years FROM pairs WHERE slot = 0 ORDER BY month")).all()
        assert [tuple(row) for row in months] == [(-1, -1), (2019 * 12 + 11, 0), (2024 * 12 + 2, 40)]
        # what is counted: each pair once, sinus rhythm removed, LBBB added, both readings' hedge of RBBB agreeing
        assert connection.execute(text("SELECT slot, sum(pairs) FROM pair_deltas GROUP BY 1 ORDER BY 1")).all() == [
            (0, 3),
            (1, 1),
        ]
        outcomes = connection.execute(text("SELECT outcome FROM changes WHERE slot = 1 ORDER BY 1")).scalars().all()
        assert outcomes == [0 * 16 + 1, 2 * 16 + 4, 1 << 20 | 2 << 12 | 2 << 6 | 2]
        command.downgrade(config(connection), "0003")
        assert connection.execute(text(pairs)).all() == before


def test_pairs_that_cannot_be_read_are_taken_away_and_made_again(client: httpx.Client, database: Database) -> None:
    """An earlier release made no pair of them, but had read their texts."""
    labelers = Labelers()
    for overread in ("LVH", "ECG not interpretable due to artifact", "ECG not interpretable due to artifact"):
        add_ecg(database, labelers, "Atrial fibrillation", overread)
    with database.begin() as session:
        session.execute(text("UPDATE ecgs SET site = 'north', age = 50.5, sex = 'female'"))
        for [ecg_id] in session.execute(text("SELECT id FROM ecgs")):
            refresh_pairs(session, ecg_id, [labelers.active(session).id])
    query = {"group_by": ["site", "sex"]}
    before = client.get("/v1/disagreement", params=query).json()
    assert (before["pairs"], before["unreadable"]) == (1, 2)
    with database.engine.begin() as connection:
        command.downgrade(config(connection), "0019")
        assert connection.execute(text("SELECT count(*) FROM pairs")).scalar_one() == 1
        assert connection.execute(text("SELECT sum(pairs) FROM pair_deltas")).scalar_one() == 1
        command.upgrade(config(connection), "head")
    assert client.get("/v1/disagreement", params=query).json() == before
