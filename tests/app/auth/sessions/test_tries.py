"""Tries of passwords are counted, in whichever process, and nobody is kept out for ever."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.auth.sessions.tries import BY_ADDRESS, BY_BOTH, BY_NAME, Bound, Trier, count_try, take_back
from app.kit.database import Database
from app.settings import Settings

KEY = b"k" * 32
NONE = timedelta()


def try_(database: Database, name: str, address: str, *, is_known: bool = False) -> timedelta:
    with database.begin() as session:
        return count_try(session, Trier.of(KEY, name, address, is_known=is_known))


def wait_over(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE sign_in_tries SET free_at = now()"))


def test_waits_grow_and_end() -> None:
    bound = Bound(5, 900)
    waits = [bound.wait(tries).total_seconds() for tries in range(1, 20)]
    assert waits[:5] == [0] * 5 and waits[5:10] == [1, 2, 4, 8, 16] and waits[-1] == 900
    assert bound.wait(10**9).total_seconds() == 900


def test_a_name_from_one_address_waits_after_five_tries(database: Database) -> None:
    assert [try_(database, "anna", "10.0.0.1") for _ in range(BY_BOTH.free + 1)] == [NONE] * 6
    wait = try_(database, "anna", "10.0.0.1")
    assert NONE < wait <= timedelta(seconds=1)
    for _ in range(20):  # whoever does not wait does not make it longer
        assert try_(database, "anna", "10.0.0.1") <= wait
    assert try_(database, "berta", "10.0.0.1") == NONE
    assert try_(database, "anna", "10.0.0.2") == NONE, "another address"
    for expected in (2, 4, 8):
        wait_over(database)
        assert try_(database, "anna", "10.0.0.1") == NONE
        assert try_(database, "anna", "10.0.0.1") > timedelta(seconds=expected - 1)


def test_many_names_from_one_address_wait_and_many_addresses_of_one_name_a_little(database: Database) -> None:
    for number in range(BY_ADDRESS.free + 1):
        assert try_(database, f"user {number}", "10.0.0.1") == NONE
    assert try_(database, "another", "10.0.0.1") > NONE
    for number in range(BY_NAME.free + 20):
        wait_over(database)
        assert try_(database, "anna", f"10.1.0.{number}") == NONE
    longest = timedelta(seconds=BY_NAME.longest_s)
    assert NONE < try_(database, "anna", "10.2.0.1") <= longest
    assert try_(database, "anna", "10.2.0.1", is_known=True) == NONE, "the user's own browser is not kept out"
    assert try_(database, "berta", "10.2.0.1") == NONE


def test_an_ipv6_client_is_its_network(database: Database) -> None:
    for number in range(BY_ADDRESS.free + 1):
        assert try_(database, f"user {number}", f"2001:db8::{number:x}") == NONE
    assert try_(database, "another", "2001:db8::ffff:1") > NONE
    assert try_(database, "another", "2001:db8:0:1::1") == NONE
    assert Trier.of(KEY, "a", "::ffff:10.0.0.1", is_known=False) == Trier.of(KEY, "a", "10.0.0.1", is_known=False)
    assert try_(database, "a", "no address") == NONE


def test_the_right_password_starts_the_name_again_and_takes_one_try_of_the_address_back(database: Database) -> None:
    for _ in range(5):
        try_(database, "anna", "10.0.0.1")
    trier = Trier.of(KEY, "anna", "10.0.0.1", is_known=False)
    with database.begin() as session:
        take_back(session, trier)
        tries = {row.hash: row.tries for row in session.execute(text("SELECT hash, tries FROM sign_in_tries"))}
    assert sorted(tries.values()) == [0, 4, 4]
    assert [tries[each] for each in trier.own] == [0]


def test_own_successes_do_not_open_the_address_for_guessing(database: Database) -> None:
    allowed = 0
    for number in range(60):
        if try_(database, f"victim {number}", "10.0.0.1") == NONE:
            allowed += 1
        if try_(database, "attacker", "10.0.0.1") == NONE:
            with database.begin() as session:
                take_back(session, Trier.of(KEY, "attacker", "10.0.0.1", is_known=False))
    assert allowed <= BY_ADDRESS.free + 6, "waits of seconds may end meanwhile"


def test_tries_at_the_same_moment_are_each_counted(settings: Settings) -> None:
    databases = [Database(settings), Database(settings)]  # as two processes
    waits: list[timedelta] = []

    def work(database: Database) -> None:
        waits.extend(try_(database, "anna", "10.0.0.1") for _ in range(8))

    threads = [threading.Thread(target=work, args=(databases[number % 2],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert len(waits) == 48 and waits.count(NONE) <= BY_BOTH.free + 3, "a wait of a second may end meanwhile"


def test_tries_are_forgotten_after_a_day_and_hold_no_name(database: Database) -> None:
    for _ in range(6):
        try_(database, "Anna Example", "10.11.12.13")
    with database.begin() as session:
        rows = str(session.execute(text("SELECT sign_in_tries::text FROM sign_in_tries")).all())
        assert "Anna" not in rows and "10.11" not in rows
        session.execute(text("UPDATE sign_in_tries SET last_at = now() - interval '25 hours', free_at = now()"))
    assert try_(database, "Anna Example", "10.11.12.13") == NONE
    assert try_(database, "Anna Example", "10.11.12.13") == NONE
    with database.begin() as session:
        assert session.execute(text("SELECT max(tries) FROM sign_in_tries")).scalar_one() == 2
        session.execute(text("UPDATE sign_in_tries SET last_at = now() - interval '25 hours'"))
    try_(database, "berta", "10.0.0.9")
    with database.begin() as session:
        assert session.execute(text("SELECT count(*) FROM sign_in_tries")).scalar_one() == 3


@pytest.mark.parametrize("names", [("a\nb", "c"), ("a", "b\nc")])
def test_names_cannot_be_put_together_to_others(names: tuple[str, str]) -> None:
    one = Trier.of(KEY, *names, is_known=False)
    other = Trier.of(KEY, "a", "b", is_known=False)
    assert not set(one.own) & set(other.own)
