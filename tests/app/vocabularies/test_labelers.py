"""Labelers are built once a vocabulary, and nobody waits for one but those who need it."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.vocabularies.service import Labelers
from ml.labeling import Labeler, Vocabulary, builtin_labeler

MINIMAL = "version: tiny\nlanguages: [en]\nlabels: [{key: a, name: A}]\ncues: []\nrules: []\n"


def test_a_vocabulary_that_compiles_keeps_no_other_one_waiting() -> None:
    labelers, slow, quick = Labelers(), (uuid.uuid4(), None), (uuid.uuid4(), None)
    begun, may_end, compiled = threading.Event(), threading.Event(), []

    def compile_slowly() -> Labeler:
        compiled.append(threading.current_thread().name)
        begun.set()
        assert may_end.wait(60)
        return builtin_labeler()

    with ThreadPoolExecutor(3) as threads:
        try:
            asked = [threads.submit(labelers._labeler, slow, compile_slowly)]
            assert begun.wait(60)
            asked += [threads.submit(labelers._labeler, slow, compile_slowly) for _ in range(2)]
            other = labelers._labeler(quick, lambda: Labeler(Vocabulary.parse(MINIMAL)))
            assert other.vocabulary.version == "tiny" and not asked[0].done()
        finally:
            may_end.set()
        assert len({id(each.result()) for each in asked}) == len(compiled) == 1


def test_a_vocabulary_that_is_refused_is_asked_for_again() -> None:
    labelers, key = Labelers(), (uuid.uuid4(), None)

    def refuse() -> Labeler:
        raise ValueError("no vocabulary")

    with pytest.raises(ValueError, match="no vocabulary"):
        labelers._labeler(key, refuse)
    assert labelers._labeler(key, builtin_labeler) is builtin_labeler()
