import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from ml.corpus.simulator import simulate
from ml.corpus.split_rules import ByPatient, ByRecord
from ml.corpus.statements import Statement
from ml.corpus.store import InvalidStore, Store, StoreWriter
from ml.rules import read, read_window
from ml.signals import Preprocessing, preprocess

LABELS = [("fast", "Fast"), ("upside_down", "Upside down"), ("never", "Never seen")]
PREPROCESSING = Preprocessing().to_dict()

EARLIER = "4b4c80950f413f14fb74b71683dc5305be546836421f5327b7ee1365151153d8"


def make_row(number, overread, machine, uncertain=0):
    return {
        "ecg_id": f"ecg{number}",
        "start_s": 0.0,
        "patient": f"patient{number // 2}",  # two ECGs each
        "overread_present": overread,
        "overread_uncertain": uncertain,
        "machine_present": machine,
        "machine_uncertain": None if machine is None else 0,
    }


def write(folder, masks, *, seed=0, batches=None, **finish):
    values = np.random.default_rng(5).standard_normal((len(masks), 12, 2500)).astype(np.float32)
    rows = [make_row(k, *mask) for k, mask in enumerate(masks)]
    with StoreWriter(folder, LABELS, PREPROCESSING) as writer:
        for part in np.array_split(np.arange(len(rows)), batches or 1):
            writer.append(values[part], [rows[k] for k in part])
        return values, writer.finish(seed, **finish)


MASKS = [(0b001, 0b011, 0b100), (0b010, None), (0b000, 0b000), (0b111, 0b101), (0b100, 0b100), (0b011, 0b001)]


def test_what_is_written_is_read_back(tmp_path):
    values, content_sha256 = write(tmp_path / "store", MASKS, batches=4)
    store = Store(tmp_path / "store")
    assert isinstance(store.windows, np.memmap)
    np.testing.assert_array_equal(store.windows, values.astype(np.float16))
    assert store.column("ecg_id").tolist() == [f"ecg{k}" for k in range(6)]
    assert (store.labels, store.content_sha256) == (LABELS, content_sha256)
    assert Preprocessing.from_dict(store.preprocessing) == Preprocessing()


def test_the_windows_are_a_plain_npy_file(tmp_path):
    write(tmp_path / "store", MASKS)
    assert np.load(tmp_path / "store/windows.npy").shape == (6, 12, 2500)


def test_the_hash_is_that_of_the_content(tmp_path):
    hashes = {
        name: write(tmp_path / name, masks, **how)[1]
        for name, masks, how in [
            ("a", MASKS, {}),
            ("same in other pieces", MASKS, {"batches": 3}),
            ("other label", [(0b000, 0b011), *MASKS[1:]], {}),
            ("other split", MASKS, {"seed": 8}),
        ]
    }
    assert hashes["a"] == hashes["same in other pieces"]
    assert len(set(hashes.values())) == 3


@pytest.mark.parametrize(
    ("hedged", "positive", "counts"),
    [("positive", [1, 0, 1], [1, 1, 1]), ("negative", [1, 0, 0], [1, 1, 1]), ("ignore", [1, 0, 0], [1, 1, 0])],
)
def test_hedged_findings_count_as_asked(tmp_path, hedged, positive, counts):
    write(tmp_path / "store", MASKS)
    targets, counted = Store(tmp_path / "store").targets("overread", hedged)
    assert targets[0].tolist() == positive
    assert counted[0].tolist() == [bool(count) for count in counts]


def test_without_a_reading_no_label_counts(tmp_path):
    write(tmp_path / "store", MASKS)
    targets, counts = Store(tmp_path / "store").targets("machine", "positive")
    assert not counts[1].any()
    assert counts[[0, 2, 3, 4, 5]].all()
    assert targets[0].tolist() == [1, 1, 0]


def test_the_highest_bit_of_63_labels_survives_a_missing_reading(tmp_path):
    labels = [(f"l{k}", f"L{k}") for k in range(63)]
    with StoreWriter(tmp_path / "store", labels, PREPROCESSING) as writer:
        rows = [make_row(0, 0, 1 << 62 | 1), make_row(2, 0, None)]
        writer.append(np.zeros((2, 12, 2500), np.float32), rows)
        writer.finish(0)
    targets, _ = Store(tmp_path / "store").targets("machine", "positive")
    assert np.flatnonzero(targets[0]).tolist() == [0, 62]
    with pytest.raises(ValueError, match="room for 63"):
        StoreWriter(tmp_path / "more", [*labels, ("l63", "L63")], PREPROCESSING)


def test_the_summary_counts_the_splits(tmp_path):
    write(tmp_path / "store", MASKS)
    summary = json.loads((tmp_path / "store/dataset.json").read_text())["summary"]
    assert (summary["windows"], summary["ecgs"], summary["patients"]) == (6, 6, 3)
    positives = [side["positives"] for side in summary["splits"].values()]
    assert {key: sum(side[key] for side in positives) for key, _ in LABELS} == {
        "fast": 3,
        "upside_down": 3,
        "never": 3,  # one of them hedged
    }


def test_patients_stay_together_unless_the_split_is_by_record(tmp_path):
    masks = [(0, 0)] * 40
    for rule in (ByPatient(), ByRecord()):
        write(tmp_path / rule.by, masks, split=rule)
    together = [
        len({(p, s) for p, s in zip(store.column("patient"), store.column("split"), strict=True)})
        for store in (Store(tmp_path / "patient"), Store(tmp_path / "record"))
    ]
    assert together[0] == 20
    assert together[1] > 20
    summaries = [json.loads((tmp_path / by / "dataset.json").read_text())["summary"] for by in ("patient", "record")]
    assert [summary["shared_patients"] for summary in summaries] == [0, together[1] - 20]


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), StoreWriter(tmp_path / "store", LABELS, PREPROCESSING) as writer:
        writer.append(np.zeros((1, 12, 2500), np.float32), [make_row(0, 0, 0)])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.zeros((1, 12, 2499), np.float32), "shape"), (np.full((1, 12, 2500), np.nan, np.float32), "NaN or infinite")],
)
def test_windows_that_are_none_are_refused(tmp_path, values, message):
    with StoreWriter(tmp_path / "store", LABELS, PREPROCESSING) as writer, pytest.raises(ValueError, match=message):
        writer.append(values, [make_row(0, 0, 0)])


def cut_windows(folder):
    path = folder / "windows.npy"
    path.write_bytes(path.read_bytes()[:-1000])


def lose_a_row(folder):
    path = folder / "windows.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)


@pytest.mark.parametrize(
    "spoil",
    [
        cut_windows,
        lose_a_row,
        lambda folder: (folder / "dataset.json").unlink(),
        lambda folder: (folder / "dataset.json").write_text("[]"),
        lambda folder: (folder / "windows.parquet").write_bytes(b"PAR1"),
    ],
)
def test_a_spoilt_store_is_refused(tmp_path, spoil):
    write(tmp_path / "store", MASKS)
    spoil(tmp_path / "store")
    with pytest.raises(InvalidStore):
        Store(tmp_path / "store")


AFIB, FLUTTER, NO_LVH = Statement("atrial fibrillation", 1), Statement("atrial flutter", 2), Statement("no lvh", 0, 4)


def write_statements(folder, overread=AFIB, vocabulary=None):
    rows = [make_row(k, 0, 0) for k in range(3)]
    rows[0] |= {"overread_statements": [overread, NO_LVH], "machine_statements": [FLUTTER]}
    rows[1] |= {"overread_statements": [], "machine_statements": None}
    rows[2] |= {"overread_statements": [overread]}
    with StoreWriter(folder, LABELS, PREPROCESSING, vocabulary) as writer:
        writer.append(np.zeros((3, 12, 2500), np.float32), rows)
        return writer.finish(0)


def test_statements_are_kept_once_and_no_report_is_not_an_empty_one(tmp_path):
    write_statements(tmp_path / "store", vocabulary="version: x")
    store = Store(tmp_path / "store")
    assert store.statements == [AFIB, NO_LVH, FLUTTER]
    said = store.said("overread")
    assert (said.starts.tolist(), said.numbers.tolist(), said.known.all()) == ([0, 2, 2, 3], [0, 1, 0], True)
    assert [each.tolist() for each in said.of_rows(np.array([2, 1, 0, 2]))] == [[0, 2, 2, 3], [0, 0, 1, 0]]
    said = store.said("machine")
    assert (said.starts.tolist(), said.numbers.tolist(), said.known.tolist()) == (
        [0, 1, 1, 1],
        [2],
        [True, False, False],
    )
    assert store.vocabulary == "version: x"


def test_the_hash_is_also_that_of_the_statements(tmp_path):
    hashes = [
        write_statements(tmp_path / "a"),
        write_statements(tmp_path / "same"),
        write_statements(tmp_path / "other words", overread=Statement("af", 1)),
        write_statements(tmp_path / "other meaning", overread=Statement("atrial fibrillation", 3)),
        write_statements(tmp_path / "other vocabulary", vocabulary="version: y"),
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4


def test_the_hash_without_folds_is_that_of_earlier_releases(tmp_path):
    """This one is of release 0.1.0, whose stores had no folds."""
    assert write(tmp_path / "store", MASKS)[1] == EARLIER


def test_a_store_of_the_second_format_is_read_and_its_folds_are_unknown(tmp_path):
    write(tmp_path / "store", MASKS)
    path = tmp_path / "store/windows.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["fold", "scale_mv"]), path)
    description = json.loads((tmp_path / "store/dataset.json").read_text())
    (tmp_path / "store/dataset.json").write_text(json.dumps({**description, "format": 2}))
    store = Store(tmp_path / "store")
    assert store.table.column("fold").null_count == 6
    assert store.targets("overread", "positive")[0].sum() == 9


def test_a_store_of_the_first_format_is_read_and_its_reports_are_unknown(tmp_path):
    write(tmp_path / "store", MASKS)
    path = tmp_path / "store/windows.parquet"
    pq.write_table(
        pq.read_table(path).drop_columns(["overread_statements", "machine_statements", "fold", "scale_mv"]), path
    )
    (tmp_path / "store/statements.parquet").unlink()
    description = json.loads((tmp_path / "store/dataset.json").read_text())
    (tmp_path / "store/dataset.json").write_text(json.dumps({**description, "format": 1}))
    store = Store(tmp_path / "store")
    assert not store.said("overread").known.any()
    assert store.said("overread").starts.tolist() == [0] * 7
    assert (store.statements, store.vocabulary) == ([], None)
    assert store.targets("overread", "positive")[0].sum() == 9


SCALES = [[0.1 * (k + 1)] * 12 if k % 2 else None for k in range(6)]


def write_scaled(folder):
    values = np.random.default_rng(5).standard_normal((6, 12, 2500)).astype(np.float32)
    with StoreWriter(folder, LABELS, PREPROCESSING) as writer:
        writer.append(values, [{**make_row(k, *MASKS[k]), "scale_mv": SCALES[k]} for k in range(6)])
        writer.finish(seed=0)


def test_a_window_keeps_what_its_leads_were_divided_by(tmp_path):
    write_scaled(tmp_path / "store")
    scale = Store(tmp_path / "store").scale_mv()
    assert scale.shape == (6, 12) and np.isnan(scale[::2]).all()
    np.testing.assert_allclose(scale[1::2], [[0.2] * 12, [0.4] * 12, [0.6] * 12], rtol=1e-6)


def test_an_earlier_store_has_no_scale(tmp_path):
    write_scaled(tmp_path / "store")
    path = tmp_path / "store/windows.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["scale_mv"]), path)
    scale = Store(tmp_path / "store").scale_mv()
    assert np.isnan(scale).all() and scale.shape == (6, 12)


def test_the_scale_is_not_hashed(tmp_path):
    write_scaled(tmp_path / "store")
    assert Store(tmp_path / "store").content_sha256 == write(tmp_path / "without", MASKS)[1]


def test_rules_read_a_stored_window_as_they_read_its_recording(tmp_path):
    [ecg] = simulate(1, seed=3)
    mv, rate_hz = ecg.recording.millivolts(), ecg.recording.sampling_rate_hz
    windows = preprocess(mv, rate_hz)
    with StoreWriter(tmp_path / "store", LABELS, PREPROCESSING) as writer:
        writer.append(windows.values, [{**make_row(0, 0, 0), "scale_mv": windows.scale_mv[0].tolist()}])
        writer.finish(seed=0)
    store = Store(tmp_path / "store")
    stored = read_window(store.windows[0] * store.scale_mv()[0][:, None], millivolts=True)
    direct = read(ecg.recording)
    assert stored.findings == direct.findings
    for name in ("sokolow_mv", "cornell_mv", "r_aVL_mv"):
        assert abs(stored.evidence[name] - direct.evidence[name]) < 0.06, name
