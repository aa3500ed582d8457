"""Statements as models read them: in normal form, with the labels they assert and deny."""

from typing import NamedTuple

from ml.labeling import LabeledReport, Labeler

LONGEST = 500  # characters of a statement that are kept


class Statement(NamedTuple):
    """A statement's normal form, and the labels it asserts and denies as bit masks (bit i is label i)."""

    text: str
    asserts: int = 0
    denies: int = 0


def statements_of(labeler: Labeler, reading: LabeledReport) -> list[Statement]:
    """Give the distinct statements of a report, in its order; what only names identifiers or marks is left out.

    Two wordings of one statement are one here ("AF", "atrial fibrillation"), whatever language they are in. A report's
    own words stay where they are: a dataset carries nothing that a normal form does not say.
    """
    found: dict[str, Statement] = {}
    for statement in reading.statements:
        text = labeler.normal_form(statement.text)[:LONGEST].strip()
        if text and text not in found:
            masks = labeler.read(statement.text).masks()
            found[text] = Statement(text, masks.present | masks.uncertain, masks.negated)
    return list(found.values())
