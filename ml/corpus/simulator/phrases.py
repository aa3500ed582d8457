"""What machines and cardiologists write for each label, and what they write besides.

A phrase stands on a line of its own and says exactly its label (`tests/ml/corpus/test_simulator_pairs.py` reads every
one with the labeler); a phrase that stands twice is twice as frequent. `{date}`, `{time}` and numbers are filled in.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Phrases = Mapping[str, Sequence[str]]


class Style(NamedTuple):
    """How one kind of machine, or cardiologists, write."""

    firm: Phrases
    hedged: Phrases  # labels not in it are never hedged
    asides: Sequence[str]  # statements that no label of Table A.1 has
    ordinary: str  # the last line of a report with normal sinus rhythm and nothing else
    otherwise: str  # and with sinus rhythm of another kind
    abnormal: str
    no_label: Sequence[str]  # rhythms of reports without sinus rhythm, fibrillation and flutter


MUSE = Style(
    firm={
        "sinus_rhythm": [
            "Normal sinus rhythm", "Normal sinus rhythm", "Normal sinus rhythm", "Sinus rhythm", "Sinus bradycardia",
            "Sinus bradycardia", "Sinus tachycardia", "Sinus rhythm with 1st degree A-V block",
            "Normal sinus rhythm with sinus arrhythmia", "Sinus rhythm with occasional Premature ventricular complexes",
            "Sinus rhythm with Premature atrial complexes", "Marked sinus bradycardia",
        ],
        "rbbb": ["Right bundle branch block"],
        "lbbb": ["Left bundle branch block"],
        "afib": [
            "Atrial fibrillation", "Atrial fibrillation", "Atrial fibrillation with rapid ventricular response",
            "Atrial fibrillation with slow ventricular response",
            "Atrial fibrillation with premature ventricular or aberrantly conducted complexes",
        ],
        "aflutter": [
            "Atrial flutter", "Atrial flutter with variable A-V block", "Atrial flutter with 2:1 A-V conduction",
        ],
        "lad": ["Left axis deviation", "Left axis deviation", "Left anterior fascicular block"],
        "rad": ["Right axis deviation", "Right axis deviation", "Left posterior fascicular block"],
        "rsad": ["Right superior axis deviation"],
        "lvh": [
            "Left ventricular hypertrophy", "Left ventricular hypertrophy with repolarization abnormality",
            "Voltage criteria for left ventricular hypertrophy",
            "Left ventricular hypertrophy with QRS widening and repolarization abnormality",
        ],
        "rvh": ["Right ventricular hypertrophy", "Right ventricular hypertrophy with repolarization abnormality"],
        "anterior_mi": [
            "Anterior infarct, age undetermined", "Anteroseptal infarct, age undetermined",
            "Septal infarct, age undetermined", "Anterolateral infarct, age undetermined",
            "Anterior infarct (cited on or before {date})", "Old anteroseptal infarct",
        ],
        "inferior_mi": [
            "Inferior infarct, age undetermined", "Inferior infarct, age undetermined",
            "Inferior infarct (cited on or before {date})", "Old inferior infarct",
        ],
        "posterior_mi": ["Posterior infarct, age undetermined"],
    },
    hedged={
        "lvh": ["Minimal voltage criteria for LVH, may be normal variant", "Possible Left ventricular hypertrophy"],
        "rvh": ["Possible Right ventricular hypertrophy"],
        "anterior_mi": [
            "Cannot rule out Anterior infarct, age undetermined", "Cannot rule out Anterior infarct, age undetermined",
            "Cannot rule out Septal infarct, age undetermined", "Possible Anterior infarct, age undetermined",
            "Cannot rule out Anteroseptal infarct, age undetermined",
        ],
        "inferior_mi": [
            "Possible Inferior infarct, age undetermined", "Cannot rule out Inferior infarct, age undetermined",
        ],
        "posterior_mi": ["Possible Posterior infarct, age undetermined"],
    },
    asides=[
        "Nonspecific T wave abnormality", "Nonspecific ST abnormality", "Nonspecific ST and T wave abnormality",
        "Nonspecific ST and T wave abnormality", "Premature ventricular complexes", "Premature atrial complexes",
        "Prolonged QT", "Low voltage QRS", "Possible Left atrial enlargement", "1st degree A-V block",
        "T wave abnormality, consider lateral ischemia", "ST elevation, consider early repolarization",
        "Incomplete right bundle branch block", "Nonspecific intraventricular conduction delay", "Rightward axis",
        "Minimal ST depression", "Short PR", "Fusion complexes",
    ],
    ordinary="Normal ECG",
    otherwise="Otherwise normal ECG",
    abnormal="Abnormal ECG",
    no_label=[
        "Electronic ventricular pacemaker", "Junctional rhythm", "Unusual P axis, possible ectopic atrial rhythm",
        "Supraventricular tachycardia", "Wide QRS rhythm", "Undetermined rhythm",
    ],
)  # fmt: skip

PHILIPS = Style(
    firm={
        "sinus_rhythm": [
            "SINUS RHYTHM", "SINUS RHYTHM", "NORMAL SINUS RHYTHM", "SINUS BRADYCARDIA", "SINUS TACHYCARDIA",
            "SINUS RHYTHM WITH FIRST DEGREE AV BLOCK", "SINUS ARRHYTHMIA",
        ],
        "rbbb": ["RIGHT BUNDLE BRANCH BLOCK", "RBBB"],
        "lbbb": ["LEFT BUNDLE BRANCH BLOCK"],
        "afib": ["ATRIAL FIBRILLATION", "ATRIAL FIBRILLATION WITH RAPID V-RATE"],
        "aflutter": ["ATRIAL FLUTTER", "ATRIAL FLUTTER WITH VARIABLE BLOCK"],
        "lad": ["LEFT AXIS DEVIATION", "ABNORMAL LEFT AXIS DEVIATION", "LEFT ANTERIOR FASCICULAR BLOCK"],
        "rad": ["RIGHT AXIS DEVIATION", "ABNORMAL RIGHT AXIS DEVIATION"],
        "rsad": ["EXTREME RIGHT AXIS DEVIATION", "RIGHT SUPERIOR AXIS"],
        "lvh": ["LEFT VENTRICULAR HYPERTROPHY", "LVH BY VOLTAGE", "LVH WITH SECONDARY REPOLARIZATION ABNORMALITY"],
        "rvh": ["RIGHT VENTRICULAR HYPERTROPHY", "RVH WITH SECONDARY REPOLARIZATION ABNORMALITY"],
        "anterior_mi": ["ANTERIOR INFARCT, AGE INDETERMINATE", "ANTEROSEPTAL INFARCT, OLD", "ANTERIOR INFARCT, OLD"],
        "inferior_mi": ["INFERIOR INFARCT, AGE INDETERMINATE", "INFERIOR INFARCT, OLD"],
        "posterior_mi": ["POSTERIOR INFARCT, AGE INDETERMINATE"],
    },
    hedged={
        "lvh": ["PROBABLE LEFT VENTRICULAR HYPERTROPHY", "CONSIDER LEFT VENTRICULAR HYPERTROPHY"],
        "rvh": ["CONSIDER RIGHT VENTRICULAR HYPERTROPHY"],
        "anterior_mi": [
            "PROBABLE ANTEROSEPTAL INFARCT, OLD", "CONSIDER ANTERIOR INFARCT", "POSSIBLE ANTERIOR INFARCT, OLD",
        ],
        "inferior_mi": ["PROBABLE INFERIOR INFARCT, OLD", "CONSIDER INFERIOR INFARCT"],
        "posterior_mi": ["CONSIDER POSTERIOR INFARCT"],
    },
    asides=[
        "NONSPECIFIC T ABNORMALITIES, LATERAL LEADS", "BORDERLINE T ABNORMALITIES, INFERIOR LEADS",
        "VENTRICULAR PREMATURE COMPLEX", "ATRIAL PREMATURE COMPLEX", "PROLONGED QT INTERVAL",
        "LOW VOLTAGE, EXTREMITY LEADS", "PROBABLE LEFT ATRIAL ABNORMALITY", "BORDERLINE PROLONGED PR INTERVAL",
        "INCOMPLETE RIGHT BUNDLE BRANCH BLOCK",
        "NONSPECIFIC INTRAVENTRICULAR CONDUCTION DELAY", "MINIMAL ST DEPRESSION, LATERAL LEADS",
        "BORDERLINE REPOLARIZATION ABNORMALITY", "BASELINE WANDER IN LEADS V1,V2",
    ],
    ordinary="- NORMAL ECG -",
    otherwise="- OTHERWISE NORMAL ECG -",
    abnormal="- ABNORMAL ECG -",
    no_label=["VENTRICULAR PACED RHYTHM", "JUNCTIONAL RHYTHM", "ECTOPIC ATRIAL RHYTHM", "WIDE-QRS TACHYCARDIA"],
)  # fmt: skip

CARDIOLOGIST = Style(
    firm={
        "sinus_rhythm": [
            "Sinus rhythm", "Sinus rhythm", "Normal sinus rhythm", "NSR", "Sinus bradycardia", "Sinus tachycardia",
            "Sinus rhythm with frequent PACs", "Sinus rhythm with PVCs", "Sinus rhythm, first degree AV block",
        ],
        "rbbb": ["RBBB", "Right bundle branch block", "Complete RBBB"],
        "lbbb": ["LBBB", "Left bundle branch block", "Complete left bundle branch block"],
        "afib": [
            "Atrial fibrillation", "Atrial fibrillation with controlled ventricular response", "AF with RVR", "Afib",
            "Coarse atrial fibrillation",
        ],
        "aflutter": [
            "Atrial flutter", "Atrial flutter with variable block", "Atrial flutter with 2:1 conduction",
            "Typical atrial flutter with 4:1 block", "A-flutter",
        ],
        "lad": ["Left axis deviation", "LAFB", "Left anterior hemiblock", "Marked left axis deviation"],
        "rad": ["Right axis deviation", "Marked right axis deviation", "RAD"],
        "rsad": ["Right superior axis deviation", "Northwest axis", "Extreme axis deviation"],
        "lvh": ["LVH", "LVH with strain", "LVH by voltage", "Left ventricular hypertrophy with repolarization changes"],
        "rvh": ["RVH", "Right ventricular hypertrophy", "RVH with strain"],
        "anterior_mi": [
            "Old anterior MI", "Old anteroseptal MI", "Anteroseptal infarct, age indeterminate", "Prior septal infarct",
            "Evolving anterior MI", "Acute anterior STEMI",
        ],
        "inferior_mi": ["Old inferior MI", "Prior inferior infarct", "Inferior infarct, age indeterminate", "Old IMI"],
        "posterior_mi": [
            "Posterior MI, age indeterminate", "True posterior infarct", "Acute posterior infarct", "Old posterior MI",
        ],
    },
    hedged={
        "afib": ["Probable atrial fibrillation"],
        "aflutter": ["Probable atrial flutter", "Suspect atrial flutter with 2:1 block"],
        "rad": ["Borderline right axis deviation"],
        "lvh": ["Probable LVH", "Borderline criteria for LVH"],
        "rvh": ["Possible RVH", "Consider RVH"],
        "anterior_mi": ["Possible old anterior MI", "Consider anteroseptal infarct"],
        "inferior_mi": ["Possible old inferior MI", "Consider inferior infarct"],
        "posterior_mi": ["Possible posterior MI", "Consider posterior infarct"],
    },
    asides=[
        "Nonspecific ST-T changes", "Nonspecific ST-T changes", "Occasional PVCs", "Occasional PACs",
        "First degree AV block", "Prolonged QTc", "Low voltage", "Poor R wave progression", "Left atrial enlargement",
        "Early repolarization",        "Inferolateral T wave inversion", "Incomplete RBBB", "IVCD",
    ],
    ordinary="Within normal limits",
    otherwise="Otherwise normal ECG",
    abnormal="Abnormal ECG",
    no_label=[
        "Ventricular paced rhythm", "Junctional rhythm", "Ectopic atrial rhythm", "SVT",
        "Accelerated idioventricular rhythm",
    ],
)  # fmt: skip

# what is said of two labels at once
BOTH: Mapping[tuple[str, str], Sequence[str]] = {
    ("afib", "aflutter"): ["Atrial fibrillation/flutter", "Atrial fibrillation alternating with atrial flutter"],
    ("sinus_rhythm", "afib"): [
        "Sinus rhythm with underlying atrial fibrillation",
        "Sinus rhythm and atrial fibrillation",
    ],
    ("inferior_mi", "posterior_mi"): ["Inferoposterior infarct, age undetermined", "Old inferoposterior MI"],
}

# how a cardiologist takes a statement back; {name} is the label in plain words
CORRECTIONS = [
    "Computer reading of {name} is incorrect", "{name} is no longer present", "I do not agree with {name}",
    "No {name}", "No evidence of {name}", "Criteria for {name} are no longer present",
]  # fmt: skip
PLAIN_NAMES = {
    "sinus_rhythm": "sinus rhythm", "rbbb": "right bundle branch block", "lbbb": "left bundle branch block",
    "afib": "atrial fibrillation", "aflutter": "atrial flutter", "lad": "left axis deviation",
    "rad": "right axis deviation", "rsad": "right superior axis deviation", "lvh": "left ventricular hypertrophy",
    "rvh": "right ventricular hypertrophy", "anterior_mi": "anterior infarct", "inferior_mi": "inferior infarct",
    "posterior_mi": "posterior infarct",
}  # fmt: skip

# a machine's comparison with the tracing before, and its measurements
COMPARISONS = [
    "When compared with ECG of {date} {time},\nNo significant change was found",
    "When compared with ECG of {date},\nNonspecific T wave abnormality no longer evident in Lateral leads",
    "When compared with ECG of {date} {time},\nVent. rate has increased BY {n} BPM",
    "When compared with ECG of {date} {time},\nPremature ventricular complexes are no longer Present",
    "When compared with ECG of {date},\nQT has lengthened",
]
MEASUREMENTS = [
    "Vent. rate {n} BPM\nPR interval 162 ms\nQRS duration 94 ms",
    "P-R-T axes {n} -41 55",
    "QT/QTc 4{n}/441 ms",
]

# a cardiologist's own words: no two over-reads have quite the same
OWN_WORDS = [
    "Compared with the tracing of {date} there is no significant change",
    "Tracing of {date} reviewed for comparison, T wave changes are new",
    "No significant change since {date} {time}",
    "Ventricular rate {n}, QTc 4{n} ms at {time}",
    "Repeat tracing advised, recorded {date} {time}",
    "Clinical correlation is advised; tracing {date} at {time} was similar",
    "Nonspecific repolarization changes, rate {n} at {time}",
    "Discussed with the ward on {date} at {time}",
]
