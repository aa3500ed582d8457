"""Every statement that the rules can write is read back by the labeler to exactly its own label."""

from collections.abc import Iterator
from itertools import combinations

import pytest

from ml.labeling import SHIPPED, builtin_labeler
from ml.rules import LabelRule, RuleStatement, rule_book
from ml.rules.reader import UNDETERMINED

RULES = {rule.label: rule for rule in rule_book().rules}
AXES = {"lad": (-31, 4), "rad": (91, 179), "rsad": (181, 269)}


def statements(rule: LabelRule) -> Iterator[str]:
    """Yield each wording with each choice of at most three measurements, at several of their values."""
    templates = [condition.says for condition in rule.rule.conditions() if condition.says]
    for wording in rule.wordings:
        for value in AXES.get(rule.label, (1.25, 148.0)):
            said = [template.format(value) for template in templates]
            for count in range(4):
                for because in combinations(said, count):
                    yield str(RuleStatement(wording.text, rule.label, because))


@pytest.mark.parametrize("version", SHIPPED)
@pytest.mark.parametrize("label", RULES)
def test_a_statement_is_read_back_to_its_own_label(label: str, version: str) -> None:
    labeler = builtin_labeler(version)
    for statement in statements(RULES[label]):
        read = labeler.read(statement)
        assert [(found.label, found.status) for found in read.findings] == [(label, "present")], statement
        assert read.stance == "read", statement


def test_statements_of_several_labels_do_not_change_each_other() -> None:
    labeler = builtin_labeler()
    longest = {label: max(statements(rule), key=len) for label, rule in RULES.items()}
    for count in (2, 3, len(RULES)):
        for chosen in combinations(RULES, count):
            read = labeler.read("\n".join(longest[label] for label in chosen))
            assert {(found.label, found.status) for found in read.findings} == {(label, "present") for label in chosen}


def test_what_asserts_no_label_is_read_without_findings() -> None:
    read = builtin_labeler().read(UNDETERMINED)
    assert read.stance == "read" and read.findings == ()


def test_the_rules_have_all_labels_and_ask_only_for_what_is_measured() -> None:
    labels = [label.key for label in builtin_labeler().vocabulary.labels]
    assert sorted(RULES) == sorted(labels)
    for rule in RULES.values():
        assert rule.wordings[-1].when is None, f"{rule.label} may have no words"
