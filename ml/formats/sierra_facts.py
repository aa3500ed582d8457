"""What a Philips XML file says besides the signal: facts, and the readings of the machine and of the over-reader."""

from datetime import date
from xml.etree.ElementTree import Element

from ml.formats.ecg_file import Facts, Measurements, Reading
from ml.formats.written import (
    age_at,
    age_years,
    axis,
    date_of,
    heart_rate,
    identifier,
    interval_ms,
    moment,
    sex,
    time_of,
)
from ml.formats.xml_tree import said

_UNITS = ("years", "months", "weeks", "days", "hours")
_UNKNOWN_PLACES = {"-", "--", "---"}


def facts_of(root: Element) -> Facts:
    """Return what the file says of the recording.

    `device_software` is the version of the criteria that made the statements. Of the age the `defaultage`, which the
    program assumes where it knows none, is no fact.
    """
    acquisition, patient = root.find("dataacquisition"), root.find("patient/generalpatientdata")
    acquirer = acquisition.find("acquirer") if acquisition is not None else None
    day = date_of(acquisition.get("date"), None) if acquisition is not None else None
    at = time_of(acquisition.get("time")) if acquisition is not None else None
    numbers = (identifier(said(patient, tag)) for tag in ("patientid", "MRN", "uniquepatientid"))
    orders = (identifier(said(root, f"orderinfo/{tag}")) for tag in ("ordernumber", "uniqueorderid"))
    return Facts(
        recorded_at=moment(day, at),
        site=_place(acquirer, "institutionname", "facilityname"),
        location=_place(acquirer, "departmentname", "departmentid"),
        device=said(acquisition, "machine"),
        device_software=_criteria(root),
        age=_age(patient, day),
        sex=sex(said(patient, "sex")),
        patient_id=next(filter(None, numbers), None),
        order_id=next(filter(None, orders), None),
        measurements=_measurements(root),
    )


def readings_of(root: Element) -> tuple[Reading, ...]:
    """Return the readings that the file attributes to the machine or to a clinician.

    An interpretation with a confirming clinician is an over-read, and what the analysis program had said in it is the
    machine's reading, as far as it can be told. One without is the machine's, as long as nobody has edited it.
    """
    machine: list[str] = []
    overreads: list[Reading] = []
    for each in root.findall("interpretations/interpretation"):
        by_machine = _by_machine(each)
        if by_machine is not None:
            machine.append(by_machine)
        if (overread := _overread(each, blinded_unknown=by_machine is None)) is not None:
            overreads.append(overread)
    first = [Reading(source="machine", text=text) for text in machine[:1] if text]
    return (*first, *overreads[-1:])


def _overread(interpretation: Element, *, blinded_unknown: bool) -> Reading | None:
    clinician = interpretation.find("confirmingclinician")
    signature = said(interpretation, "mdsignatureline") or ""
    text = _text(interpretation, [_statement(each) for each in interpretation.findall("statement")])
    if not text or (clinician is None and not signature.lower().startswith("confirmed")):
        return None
    day, at = (clinician.get("date"), clinician.get("time")) if clinician is not None else (None, None)
    reader = said(interpretation, "confirmingclinician") or (clinician.get("id") if clinician is not None else None)
    return Reading(
        source="overread",
        text=text,
        reader=reader or signature.partition(":")[2].strip() or None,
        authored_at=moment(date_of(day, None), time_of(at)),
        blinded="unknown" if blinded_unknown else "no",
        validated="yes",
    )


def _by_machine(interpretation: Element) -> str | None:
    """Return what the analysis program said: what nobody edited, and what somebody deleted. None: it cannot be told."""
    statements = interpretation.findall("statement")
    unedited = [_statement(each) for each in statements if _flag(each, "editedflag") is False]
    coded = [each for each in interpretation.iter("codedstatement") if each.get("source") == "Analysis program"]
    if not coded and all(each.get("editedflag") is None for each in statements):  # version 1.03 has no such marks
        confirmed = (said(interpretation, "mdsignatureline") or "").lower().startswith("confirmed")
        return None if confirmed else _text(interpretation, [_statement(each) for each in statements])
    kept = [each for each in coded if not _flag(each, "deleted")]
    changed = any(_flag(modifiers, "changed") for each in coded for modifiers in each.findall("modifiers"))
    if len(kept) != len(unedited) or changed:
        return None
    deleted = [_deleted(each) for each in coded if _flag(each, "deleted")]
    severity = interpretation if len(unedited) == len(statements) and not deleted else None
    return _text(severity, [*unedited, *deleted])


def _text(interpretation: Element | None, statements: list[str]) -> str:
    """Return statements, and the severity, one a line."""
    severity = (said(interpretation, "severity") or "").strip(" -")
    return "\n".join(filter(None, [*statements, severity]))


def _statement(statement: Element) -> str:
    """Return a statement without its reason, which names criteria, not findings."""
    return said(statement, "leftstatement") or ""


def _deleted(coded: Element) -> str:
    modifiers = [" ".join((each.text or "").split()) for each in coded.findall("modifiers/modifier")]
    return " ".join(filter(None, [*modifiers, said(coded, "unparsedstatement/lhsstatement")]))


def _flag(element: Element, name: str) -> bool | None:
    return {"true": True, "false": False}.get((element.get(name) or "").lower())


def _measurements(root: Element) -> Measurements:
    """Return what the program measured; a value that somebody edited is left out. `qtcb` is Bazett's by its name."""
    interpretation = root.find("interpretations/interpretation")
    found = interpretation.find("globalmeasurements") if interpretation is not None else None
    if found is None and interpretation is not None:  # version 1.03
        found = interpretation.find("interpretationmeasurements")
    if found is None or _flag(found, "editedflag"):
        return Measurements()

    def value(*tags: str) -> str | None:
        elements = [each for tag in tags if (each := found.find(tag)) is not None and not _flag(each, "editedflag")]
        return elements[0].text if elements else None

    bazett = interval_ms(value("qtcb"))
    return Measurements(
        heart_rate=heart_rate(value("heartrate")),
        pr_ms=interval_ms(value("print", "meanprint")),
        qrs_ms=interval_ms(value("qrsdur", "meanqrsdur")),
        qt_ms=interval_ms(value("qtint", "meanqtint")),
        qtc_ms=bazett or interval_ms(value("meanqtc")),
        qtc_formula="bazett" if bazett else None,
        p_axis=axis(value("pfrontaxis")),
        qrs_axis=axis(value("qrsfrontaxis")),
        t_axis=axis(value("tfrontaxis")),
    )


def _criteria(root: Element) -> str | None:
    interpretation = root.find("interpretations/interpretation")
    if interpretation is None:
        return None
    return interpretation.get("customcriteriaversion") or interpretation.get("criteriaversion") or None


def _age(patient: Element | None, day: date | None) -> float | None:
    for unit in _UNITS:
        if (age := age_years(said(patient, f"age/{unit}"), unit)) is not None:
            return age
    return age_at(day, date_of(said(patient, "age/dateofbirth"), None))


def _place(acquirer: Element | None, *tags: str) -> str | None:
    named = (said(acquirer, tag) for tag in tags)
    return next((name for name in named if name and name not in _UNKNOWN_PLACES), None)
