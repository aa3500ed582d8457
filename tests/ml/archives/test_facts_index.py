"""Facts come out of the index as they went in."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ml.archives.facts_index import FactsIndex
from ml.formats.ecg_file import Facts

facts = st.builds(
    Facts,
    recorded_at=st.none()
    | st.datetimes(datetime(1850, 1, 1), datetime(2300, 1, 1)).map(lambda t: t.replace(microsecond=0)),
    age=st.none() | st.integers(0, 13_000).map(lambda age: age / 100),
    sex=st.sampled_from([None, "male", "female"]),
    patient_id=st.none() | st.integers(0, 2**53).map(str),
)


@given(st.dictionaries(st.integers(0, 2**64 - 1), facts, max_size=30))
def test_what_was_added_is_taken(added: dict[int, Facts]) -> None:
    index = FactsIndex()
    for key, each in added.items():
        index.add(key, each)
    index.close()
    assert index.left == len(added)
    assert {key: index.take(key) for key in added} == added
    assert index.left == 0


def test_a_key_that_was_added_twice_or_never_has_no_facts() -> None:
    index = FactsIndex()
    for age in (50.0, 60.0):
        index.add(7, Facts(age=age))
    index.add(8, Facts(recorded_at=datetime(2026, 3, 1, tzinfo=UTC)))
    index.close()
    assert [index.take(key) for key in (7, 8, 9)] == [Facts()] * 3
    assert index.left == 0
