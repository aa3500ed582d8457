"""Passwords: which are refused, how they are hashed, and that nobody learns more from a wrong one."""

import time

import anyio
import pytest
from argon2 import Parameters
from argon2.profiles import RFC_9106_LOW_MEMORY
from hypothesis import given, settings
from hypothesis import strategies as st

from app.auth.passwords.hashing import AT_ONCE, Passwords
from app.auth.passwords.rules import LONGEST, SHORTEST, WeakPassword, check_password
from tests.app.auth.sessions.browser import CHEAP


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "at least 12"),
        ("x" * 11, "at least 12"),
        ("ü" * 65, "longer than 128 bytes"),
        ("nothing\tspecial at all", "cannot be typed"),
        ("password1234", "attacker"),
        ("PassWord!!!!", "attacker"),
        ("2024Passwort!", "attacker"),
        ("123456789012", "attacker"),
        ("abcdefghijkl", "attacker"),
        ("zyxwvutsrqpo", "attacker"),
        ("aaaaaaaaaaaa", "attacker"),
        ("abcabcabcabc", "attacker"),
        ("ｐａｓｓｗｏｒｄ１２３４", "attacker"),
        ("correcthorsebatterystaple", "attacker"),
        ("anna.müller1", "user's name"),
        ("overread2026!", "attacker"),
        ("overreadoverread", "attacker"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, reason: str) -> None:
    with pytest.raises(WeakPassword, match=reason):
        check_password(password, "Anna.Müller")


@pytest.mark.parametrize(
    "password", ["trombone ketchup", "lila Kühe im Mai", "кот в сапогах", "12 Monkeys & a dog", "x" * 7 + "Ünique"]
)
def test_no_kind_of_character_is_asked_for(password: str) -> None:
    check_password(password, "anna")


@given(st.text(st.characters(), max_size=200), st.text(min_size=1, max_size=100))
@settings(max_examples=300, deadline=None)
def test_any_text_is_judged(password: str, name: str) -> None:
    try:
        check_password(password, name)
    except WeakPassword:
        return
    assert len(password) >= SHORTEST and len(password.encode()) <= LONGEST


def test_the_hash_is_argon2id_with_the_parameters_of_the_rfc() -> None:
    made = Passwords().hash("trombone ketchup")
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (RFC_9106_LOW_MEMORY.memory_cost, RFC_9106_LOW_MEMORY.time_cost) == (65_536, 3)


def test_a_password_matches_its_own_hash_alone() -> None:
    passwords = Passwords(CHEAP)
    stored = passwords.hash("Müller im Café")
    assert passwords.matches(stored, "Müller im Café"), "however the accents are composed"
    assert stored != passwords.hash("Müller im Café")
    for wrong in ("müller im café", "", "Müller im Café ", "x" * 5_000, "\udce9" * 12):
        assert not passwords.matches(stored, wrong)
    for broken in (None, "", "$argon2id$v=19$m=8,t=1,p=1$x$y"):
        assert not passwords.matches(broken, "Müller im Café")


def test_other_parameters_are_noticed() -> None:
    changed = Parameters(
        type=CHEAP.type, version=19, salt_len=16, hash_len=32, time_cost=2, memory_cost=8, parallelism=1
    )
    stored = Passwords(CHEAP).hash("trombone ketchup")
    assert Passwords(changed).is_outdated(stored) and not Passwords(CHEAP).is_outdated(stored)


def test_a_name_that_does_not_exist_costs_as_much_as_a_wrong_password() -> None:
    """Work is compared, not time alone: memory and passes stand in both hashes."""
    passwords = Passwords()
    stored = passwords.hash("trombone ketchup")
    assert passwords._nobodys.split("$")[1:4] == stored.split("$")[1:4]
    assert passwords._nobodys.count("$") == stored.count("$")
    took = {None: [], stored: []}
    for _ in range(3):
        for each, times in took.items():
            begun = time.thread_time()
            assert not passwords.matches(each, "wrong wrong wrong")
            times.append(time.thread_time() - begun)
    assert min(took[None]) > 0.3 * min(took[stored])


def test_no_more_than_two_are_hashed_at_once() -> None:
    passwords, now, most = Passwords(CHEAP), 0, 0

    def work() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        time.sleep(0.02)
        now -= 1

    async def many() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(passwords.in_turn, work)

    anyio.run(many)
    assert most == AT_ONCE
