"""A small archive of each kind: its files by their paths, and which of them are tables."""

from pathlib import Path

from ml.archives import read
from ml.archives.kind import Found
from ml.archives.manifest import EXAMPLE

HEADER = "r 1 500 10\nr.dat 16 200/mV 16 0 0 0 0 I\n#Age: 80\n#Sex: Male\n#Dx: 426783006\n"
_PTBXL = (
    "ecg_id,patient_id,age,sex,site,device,recording_date,report,scp_codes,heart_axis,validated_by,validated_by_human,"
    "filename_hr\n17,1,300.0,1,2.0,CS-12,1984-12-08 09:44:43,sinusrhythmus,{'SR': 0.0},LAD,1.0,True,records500/r\n"
)
_HOSPITAL = "ECG/I0001/"

LAYOUTS: dict[str, dict[str, str]] = {
    "ptbxl": {"ptbxl_database.csv": _PTBXL},
    "ptbxl-plus": {
        "ptbxl_database.csv": _PTBXL,
        "labels/12sl_statements.csv": "ecg_id,statements\n17,\"['NSR', 'NML']\"\n",
        "features/12sl_features.csv": "HR_Ventr_Global,ecg_id,PR_Int_Global\n72.0,17,160.0\n",
    },
    "heedb": {
        f"{_HOSPITAL}12SL_diagnoses/diagnoses_dictionary.csv": "codes,acronym,diagnoses\n19,NSR,Sinus rhythm\n",
        f"{_HOSPITAL}12SL_diagnoses/diagnoses_acquisition.csv": (
            "FileName,codes_software,codes_physician,jaccard_index\n/S0001/r,19,19,1.0\n"
        ),
        f"{_HOSPITAL}metadata/metadata.csv": (
            "BDSPPatientID,FileName,SexDSC,ECGAcquisitionTime,AgeAtAcquisition\n1,/S0001/r,Male,1990-07-13 09:38:00,21570\n"
        ),
    },
    "mimic-iv-ecg": {
        "record_list.csv": "subject_id,study_id,file_name,ecg_time,path\n1,2,2,2180-07-23 08:44:00,files/p1/s2/2\n",
        "machine_measurements.csv": (
            "subject_id,study_id,cart_id,ecg_time,report_0,rr_interval,p_onset,qrs_onset,qrs_end,t_end,qrs_axis\n"
            "1,2,3,2180-07-23 08:44:00,Sinus rhythm,659,40,170,258,518,77\n"
        ),
        "waveform_note_links.csv": "study_id,note_id\n2,7\n",
        "notes.csv": "note_id,text,charttime\n7,Sinus rhythm,2180-07-23 10:00:00\n",
    },
    "physionet2021": {"a/r.hea": HEADER},
    "code15": {
        "exams.csv": (
            "exam_id,age,is_male,nn_predicted_age,1dAVb,RBBB,LBBB,SB,ST,AF,patient_id,death,timey,normal_ecg,trace_file\n"
            "17,38,True,40.16,False,True,False,False,False,True,1,False,2.0,False,exams_part13.hdf5\n"
        )
    },
    "muse-xml": {"a/r.xml": "<RestingECG></RestingECG>"},
    "files": {"a/r.hea": HEADER},
    "manifest": {"m.csv": EXAMPLE},
}


def write(kind: str, folder: Path, changed: dict[str, bytes] | None = None) -> None:
    """Write an archive, with some of its files changed."""
    for name, content in LAYOUTS[kind].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((changed or {}).get(name, content.encode()))


def read_layout(kind: str, folder: Path) -> list[Found]:
    """Read an archive that was written."""
    path = folder / "m.csv" if kind == "manifest" else folder
    return list(read(kind, path, {"notes": str(folder / "notes.csv")} if kind == "mimic-iv-ecg" else {}))
