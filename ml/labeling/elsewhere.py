"""`python -m ml.labeling.elsewhere SECONDS MEBIBYTES`: one question about a vocabulary, in a process with limits.

Reads one line of JSON, `{"vocabulary": YAML}`, and writes one: the vocabulary's version and its outline (languages,
labels, policy, profiles and hidden terms). With `"text": TEXT` and perhaps `"profile": NAME` it writes what the text
says instead; with `"texts": [[id, words | null, codes | null], …]` also their `rows`, as `ml.labeling.batch` writes
them. With `"add": [[label | null, language, term], …]` and `"as": VERSION` it writes a copy with them (`yaml`).
A file that is refused has `{"mistakes": …}`. It ends by itself, killed where it needs more than its limits.
"""

import json
import resource
import sys
from typing import Any

from ml.labeling.amend import Addition, Unamendable, amended
from ml.labeling.batch import answered
from ml.labeling.hidden import hidden_terms
from ml.labeling.labeler import Labeler
from ml.labeling.vocabulary import Vocabulary, VocabularyError


def outline(labeler: Labeler) -> dict[str, Any]:
    """Return what is shown of a vocabulary: all but its terms."""
    shown = labeler.vocabulary.model_dump(mode="json", include={"languages", "labels", "policy", "profiles"})
    return {**shown, "hidden_terms": [hidden._asdict() for hidden in hidden_terms(labeler)]}


def labeled(labeler: Labeler, text: str) -> dict[str, Any]:
    """Return what a text says: its statements with their normal forms, the findings, the stance, and
    whether it is in a language that is not read."""
    report = labeler.read(text)
    return {
        "statements": [
            {**statement._asdict(), "normal": labeler.normal_form(statement.text)} for statement in report.statements
        ],
        "findings": [finding._asdict() for finding in report.findings],
        "stance": report.stance,
        "unread": report.unread,
    }


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Answer one question."""
    try:
        vocabulary = Vocabulary.parse(question["vocabulary"])
    except VocabularyError as error:
        return {"mistakes": str(error)}
    if "add" in question:
        return _amended(question)
    profile, text = question.get("profile"), question.get("text")
    if text is None:
        labeler = Labeler(vocabulary)
        _, rows = answered(labeler, question.get("texts", ()))
        return {"version": vocabulary.version, "outline": outline(labeler), "rows": rows}
    if profile is not None and profile not in vocabulary.profiles:
        return {"version": vocabulary.version, "profiles": list(vocabulary.profiles)}
    labeler = Labeler(vocabulary if profile is None else vocabulary.profile(profile))
    return {"version": vocabulary.version, "report": labeled(labeler, text)}


def _amended(question: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a vocabulary with terms added, once it is known to be one."""
    try:
        yaml = amended(question["vocabulary"], [Addition(*each) for each in question["add"]], question["as"])
        return {"version": Vocabulary.parse(yaml).version, "yaml": yaml}
    except (Unamendable, VocabularyError) as error:
        return {"mistakes": str(error)}


def main() -> None:
    """Answer the question on standard input, within the limits that the arguments give."""
    seconds, mebibytes = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))
    json.dump(answer(json.loads(sys.stdin.buffer.readline())), sys.stdout)


if __name__ == "__main__":
    main()
