"""No pattern and no loop that meets a client's bytes takes more than linear time."""

import io
import itertools
import json
import re
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.ecgs.plot import plot_svg
from app.ecgs.schemas import EcgMetadata
from app.imports import lines as imports
from app.imports.names import any_of
from app.jobs.paths import without_folders
from app.kit.pagination import decode
from app.kit.problems import Problem
from ml import formats
from ml.archives import Rejected, manifest, ptbxl
from ml.archives.code_list import BadCodeList, parse_codes
from ml.archives.literals import NotALiteral, literal
from ml.archives.tables import Row, read_table
from ml.deidentify import without_identifiers
from ml.documents.xml import escaped
from ml.formats import aecg_facts, dicom_facts, scp_facts, sierra_facts
from ml.formats.dicom_elements import Item, Tag
from ml.formats.leads import known_lead
from ml.formats.muse_facts import facts_of, readings_of
from ml.formats.xml_tree import parse
from ml.inference.found import Unread
from ml.inference.inputs import read_all
from ml.labeling import Labeler, Vocabulary, VocabularyError, builtin
from ml.labeling import lines as reports
from ml.labeling.batch import counted_form, row
from ml.signals import Preprocessing
from tests.contract.adversarial import Used, hostile, hostile_to, made_at_run_time, slow, used_patterns
from tests.ml.formats import scp as scp_writer
from tests.ml.formats.edf import annotated, plain_edf
from tests.ml.formats.hdf5 import sph_file

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "ml")


@cache
def labeler() -> Labeler:
    return Labeler(builtin())


def read_report(text: str) -> None:
    """Label a text by a labeler that remembers it, or parts of it, from another length only."""
    report = labeler().read(text)
    row(labeler(), report)
    for statement in report.statements:
        labeler().normal_form(statement.text)


def read_vocabulary(text: str) -> None:
    with suppress(VocabularyError):
        Vocabulary.parse(text)


def read_term(text: str) -> None:
    read_vocabulary(json.dumps({"version": "v", "languages": ["en"], "rules": [{"terms": {"en": [text]}}]}))


def read_header(text: str) -> None:
    leads = "\n".join(f"h.dat 16 {text}/mV 16 0 0 0 0 {lead}" for lead in ("I", text))
    headers = [f"h 2 {text} 10\n{leads}\n", f"{text} 2 500 10\n{leads}\n", f"h 2 500 10\n# {text}\n{leads}\n"]
    for header in [*headers, f"h/{text} 2 500 10\n{text} 1\n", text]:
        with suppress(formats.Unreadable):
            formats.read({"h.hea": header.encode(), f"{text}.dat": b"\0" * 40})


def read_muse_xml(text: str) -> None:
    for part in (f"<{text}>", text, f"<LeadID>{text}</LeadID>", f"<WaveFormData>{text}</WaveFormData>"):
        with suppress(formats.Unreadable):
            formats.read({"e.xml": f"<RestingECG><Waveform><WaveformType>Rhythm</WaveformType>{part}".encode()})
    statement = f"<DiagnosisStatement><StmtText>{escaped(text)}</StmtText></DiagnosisStatement>"
    facts = "".join(
        f"<{tag}>{escaped(text)}</{tag}>" for tag in ("AcquisitionDate", "AcquisitionTime", "EditorLastName")
    )
    root = parse(
        f"<RestingECG><TestDemographics>{facts}</TestDemographics><Diagnosis>{statement}</Diagnosis></RestingECG>".encode()
    )
    facts_of(root)
    readings_of(root)


def read_sierra_xml(text: str) -> None:
    head = f"<restingecgdata><documentinfo><documentversion>1.04</documentversion></documentinfo>{escaped(text)}<waveforms>"
    for part in (f"<{text}>", f"<parsedwaveforms leadlabels='{escaped(text)}'>{escaped(text)}</parsedwaveforms>"):
        with suppress(formats.Unreadable):
            formats.read({"e.xml": f"{head}{part}</waveforms></restingecgdata>".encode()})
    statement = f"<statement><leftstatement>{escaped(text)}</leftstatement></statement>"
    root = parse(
        f"<restingecgdata><interpretations><interpretation>{statement * 3}</interpretation></interpretations></restingecgdata>".encode()
    )
    sierra_facts.facts_of(root)
    sierra_facts.readings_of(root)


def read_aecg_xml(text: str) -> None:
    value = f"<value><scale value='{escaped(text)}' unit='uV'/><digits>{escaped(text)}</digits></value>"
    annotation = f"<annotation><code code='MDC_ECG_INTERPRETATION_STATEMENT'/>{value}</annotation>"
    author = (
        "<author><assignedEntity><assignedAuthorType><assignedPerson/></assignedAuthorType></assignedEntity></author>"
    )
    said = f"<subjectOf><annotationSet>{author}<activityTime value='{escaped(text)}'/>{annotation * 3}</annotationSet></subjectOf>"
    sequence = f"<component><sequence><code code='MDC_ECG_LEAD_I'/>{value}</sequence></component>"
    sets = f"<component><sequenceSet>{sequence}</sequenceSet></component>"
    series = f"<component><series><code code='RHYTHM'/>{sets}{said}</series></component>"
    with suppress(formats.Unreadable):
        formats.read({"e.xml": f"<AnnotatedECG>{series}</AnnotatedECG>".encode()})
    root = parse(f"<a>{series}</a>".encode())
    aecg_facts.facts_of(root, root[0][0])
    aecg_facts.readings_of(root[0][0])


def read_dicom(text: str) -> None:
    with suppress(formats.Unreadable):
        formats.read({"e.dcm": b"\0" * 128 + b"DICM" + text.encode()})
    content = text.encode()
    named = _element(Tag.CONCEPT, _item(_element(Tag.MEANING, content)))
    unit = _element(Tag.UNITS, _item(_element(Tag.CODE, b"ms")))
    number = _element(Tag.NUMBER, content)
    parts = sorted({Tag.CONCEPT: named, Tag.UNITS: unit, Tag.NUMBER: number}.items())
    annotations = (_element(Tag.TEXT, content), b"".join(part for _, part in parts))
    tags = (Tag.AGE, Tag.BORN, Tag.PATIENT_ID, Tag.ACQUISITION_TIME, Tag.TIME_ZONE, Tag.SEX)
    fields = dict.fromkeys(tags, content) | {Tag.ANNOTATIONS: b"".join(map(_item, annotations))}
    said = b"".join(_element(tag, fields[tag]) for tag in sorted(fields))
    file = Item.whole(memoryview(said), explicit=False)
    dicom_facts.facts_of(file)
    dicom_facts.readings_of(file)
    assert len(file.items(Tag.ANNOTATIONS)) == 2  # it was read


def _element(tag: int, content: bytes) -> bytes:
    """Return an element of DICOM whose kind is implicit: such a one has any length."""
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(content)) + content


def _item(content: bytes) -> bytes:
    return _element(0xFFFE_E000, content)


def read_scp(text: str) -> None:
    content = text.encode()[:60_000]
    sections = {
        1: scp_writer.header(t2=content),
        7: content,
        8: b"\0" * 8 + content,
        10: content,
        11: b"\0" * 8 + content,
    }
    for more in (
        {2: content, 3: scp_writer.lead_list(formats.LEADS, 9), 6: content},
        {3: content, 4: content, 5: content, 6: content},
    ):
        with suppress(formats.Unreadable):
            formats.read({"e.scp": scp_writer.scp(sections | more)})
    scp_facts.facts_of(sections)
    scp_facts.readings_of(sections)


def read_hdf5(text: str) -> None:
    content = sph_file(formats.Recording(np.ones((12, 9), np.int32), np.ones(12), 500.0))
    for changed in (
        content[:8] + text.encode(),
        content + text.encode(),
        content[:1000] + text.encode() + content[1000:],
    ):
        with suppress(formats.Unreadable):
            formats.read({"e.h5": changed})


def read_edf(text: str) -> None:
    lead = [("I", np.zeros(10)), ("EDF Annotations", annotated([text[:3]]))]
    said = text.encode("latin-1", "replace").decode("latin-1")
    content = plain_edf(lead, records=1, reserved="EDF+D", patient=said[:80], recording=f"Startdate {said}"[:80])
    header = content[:256].replace(b"1".ljust(8), b"-1".ljust(8), 1)
    for changed in (content, header + content[256:] + text.encode(), content[:200] + text.encode()):
        with suppress(formats.Unreadable):
            formats.read({"e.edf": changed})


def read_npz(text: str) -> None:
    header = text.encode()
    with TemporaryDirectory() as folder:
        path = Path(folder, "w.npz")
        np.savez(path, ecg_id=np.array([text]), leads=np.array([text] * 12))
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("X.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        assert isinstance(next(read_all([path], Preprocessing())), Unread)


def draw_caption(text: str) -> None:
    plot_svg(np.zeros((12, 10)), 500.0, caption=text)


def read_import_line(text: str) -> None:
    line = {"record": "r", "source": "machine", "text": text, "site": text[:200], "authored_at": text}
    with suppress(imports.BadLine):
        list(imports.read(io.BytesIO(json.dumps(line).encode()), lambda number: b""))


def read_metadata(text: str) -> None:
    for field in ("patient_id", "recorded_at", "age", "site"):
        with suppress(ValidationError):
            EcgMetadata.model_validate_json(json.dumps({field: text}))
    with suppress(ValidationError):
        EcgMetadata.model_validate_json(text)


def read_cursor(text: str) -> None:
    with suppress(Problem):
        decode(text)


def read_report_lines(text: str) -> None:
    with suppress(reports.NoReport):
        list(reports.read([text.encode(), json.dumps({"id": text, "text": text}).encode()]))


def read_rows(text: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        for begins in ('a\n"', "a\n"):
            path.write_text(begins + text)
            assert all(isinstance(row, Rejected) or row.cells.keys() == {"a"} for row in read_table(path, ["a"]))


def read_archive_row(text: str) -> None:
    """Read rows that have the text in every cell."""
    for entry_of, columns in ((ptbxl.entry_of, ptbxl.COLUMNS), (manifest.entry_of, manifest.COLUMNS)):
        assert isinstance(entry_of(Row("t.csv line 2", dict.fromkeys(columns, text)), Path("a")), Rejected)


def read_literal(text: str) -> None:
    for begins in ("", "['", "[1, ", "{'a': "):
        with suppress(NotALiteral):
            literal(begins + text)


def read_code_list(text: str) -> None:
    for begins in ("", "SCP:", "SCP:a@"):
        with suppress(BadCodeList):
            parse_codes(begins + text)


ENTRIES: list[Callable[[str], object]] = [
    read_report,
    lambda text: counted_form(labeler(), text),
    read_vocabulary,
    read_term,
    read_header,
    read_muse_xml,
    read_sierra_xml,
    read_aecg_xml,
    read_dicom,
    read_scp,
    read_hdf5,
    read_edf,
    read_npz,
    draw_caption,
    read_import_line,
    read_metadata,
    read_cursor,
    read_report_lines,
    read_rows,
    read_archive_row,
    read_literal,
    read_code_list,
    without_identifiers,
    known_lead,
    without_folders,
    escaped,
]

MADE_AT_RUN_TIME = {
    "app/imports/names.py": (any_of(["Miller_John", "ecg 1.hea", "a"]),),
    "ml/labeling/blanks.py": (  # of the vocabulary's words
        labeler()._splitter._blanks.to_line_end,
        labeler()._splitter._blanks.leader,
    ),
    "ml/deidentify/plain.py": (),  # a class of characters, tried on one
    "ml/deidentify/shapes.py": (),  # a function that makes constants of the module
}


@pytest.mark.parametrize("used", used_patterns(ROOT, PACKAGES), ids=lambda used: used.where)
def test_a_pattern_takes_linear_time(used: Used) -> None:
    pattern = used.pattern

    def work(text: str) -> None:
        given: Any = text if isinstance(pattern.pattern, str) else text.encode()
        if used.at_one_place:
            pattern.match(given)
            pattern.fullmatch(given)
        else:
            for _ in pattern.finditer(given):
                pass

    assert slow(work, lambda length: hostile_to(pattern, length)) is None


def test_a_pattern_made_at_run_time_takes_linear_time() -> None:
    assert made_at_run_time(ROOT, PACKAGES) == set(MADE_AT_RUN_TIME)
    for pattern in itertools.chain(*MADE_AT_RUN_TIME.values()):
        assert slow(lambda text, pattern=pattern: pattern.sub(" ", text), hostile) is None


@pytest.mark.parametrize("read", ENTRIES, ids=lambda read: read.__name__)
def test_what_a_client_sends_is_read_in_linear_time(read: Callable[[str], object]) -> None:
    assert slow(read, hostile) is None


@pytest.mark.parametrize(
    ("pattern", "at_one_place"),
    [
        (r"(?<=\S)[.?!]+(?=\s|$)", False),
        (r" {3,}(?! *\d)", False),
        (r"(?:[^\W_]|[+-](?=\w)|[+-])+", True),
        (r"\d+\.?\d*e", True),
        (r"[^\W_]*$", False),
        (r"\(.*\)$", False),
    ],
)
def test_a_pattern_that_is_slow_is_found(pattern: str, at_one_place: bool) -> None:
    compiled = re.compile(pattern)
    work = compiled.fullmatch if at_one_place else compiled.findall
    assert slow(work, lambda length: hostile_to(compiled, length)) is not None
