"""A folder in the layout of PTB-XL+ 1.0.1 with made statements: `python -m benchmarks.make_ptbxl_plus FOLDER`.

Its rows are PTB-XL's real ones. What 12SL would say of them is made of their SCP codes, with some of it left out,
hedged or added, from a fixed seed. It has what misleads readers of the release: tables in another order than PTB-XL,
`ecg_id` at column 145 of 783, statements as Python lists, a byte order mark, averaged beats, and 38 ECGs without a
row. No figure about 12SL can be taken from it.
"""

import argparse
import csv
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from ml.archives.ptbxl import TABLE, scp_codes

SHARED = Path(__file__).resolve().parents[2] / "shared/data/ptbxl"
WITHOUT_A_ROW = 38  # PTB-XL 1.0.1 has 21,837 rows, PTB-XL+ 21,799
FEATURES, PLACE_OF_THE_KEY = 783, 144
ACRONYMS: dict[str, tuple[str, ...]] = {
    "NORM": ("NML",),
    "SR": ("NSR",),
    "STACH": ("STACH",),
    "SBRAD": ("SBRAD",),
    "SARRH": ("SAR",),
    "AFIB": ("AFIB",),
    "AFLT": ("FLUT",),
    "CRBBB": ("RBBB",),
    "CLBBB": ("LBBB",),
    "IRBBB": ("IRBBB",),
    "ILBBB": ("ILBBB",),
    "LAFB": ("AFB",),
    "LPFB": ("PFB",),
    "LVH": ("LVH",),
    "VCLVH": ("QRSV",),
    "RVH": ("RVH",),
    "IMI": ("IMI", "AU"),
    "ASMI": ("ASMI", "AU"),
    "AMI": ("AMI", "AU"),
    "ALMI": ("ALMI", "AU"),
    "IPMI": ("IPMI", "AU"),
    "PMI": ("POSTMI",),
    "1AVB": ("FAV",),
    "PVC": ("PVC",),
    "PAC": ("PAC",),
    "LAO/LAE": ("LAE",),
    "NDT": ("NT",),
    "NST_": ("NST",),
    "LVOLT": ("LOWV",),
}
ADDED = (("AT",), ("LAE",), ("LVH2",), ("AFB",), ("PO", "IMI", "AU"), ("SERYR1",))


def statements(codes: Sequence[str], rng: random.Random) -> list[str]:
    """Return what a machine could have said of an ECG with these SCP codes, as tokens."""
    said: list[str] = []
    for code in codes:
        tokens = ACRONYMS.get(code, ())
        if tokens and rng.random() > 0.08:
            said += ["PO", *tokens] if rng.random() < 0.05 and code not in ("NORM", "SR") else tokens
    if rng.random() < 0.1:
        said += rng.choice(ADDED)
    return said or ["UR"]


def make(rows: Sequence[dict[str, str]], folder: Path, seed: int = 18) -> None:
    """Write the folder for some rows of PTB-XL's table; the ECGs without a row are not among the first 38."""
    rng = random.Random(seed)
    left_out = set(range(38, 38 + WITHOUT_A_ROW))
    kept = [row for at, row in enumerate(rows) if at not in left_out]
    kept = [kept[0], *rng.sample(kept[1:], len(kept) - 1)]
    said = [statements(list(scp_codes(row["scp_codes"])), rng) for row in kept]
    ids = [row["ecg_id"] for row in kept]
    _table(
        folder / "labels/12sl_statements.csv",
        ["ecg_id", "statements", "statements_cat"],
        ([ecg_id, str(tokens), str(joined(tokens))] for ecg_id, tokens in zip(ids, said, strict=True)),
    )
    _table(
        folder / "labels/ptbxl_statements.csv",
        ["ecg_id", "scp_codes"],
        ([row["ecg_id"], str([*scp_codes(row["scp_codes"]).items()])] for row in kept),
    )
    _table(folder / "features/12sl_features.csv", feature_names(), _features(ids, rng))
    description = folder / "features/feature_description.csv"
    description.write_text("\ufeffid,description\nHR_Ventr_Global,ventricular rate\n", encoding="utf-8")
    beat = folder / "median_beats/12sl/00000/00001_medians.hea"
    beat.parent.mkdir(parents=True)
    beat.write_text("ge_median_beats_wfdb/00001_medians 12 500 600\n")


def joined(tokens: Sequence[str]) -> list[str]:
    """Return tokens with the age of an infarct joined to it, `ASMI;AU`, as in `statements_cat`."""
    said: list[str] = []
    for token in tokens:
        if token == "AU" and said:
            said[-1] += ";AU"
        else:
            said.append(token)
    return said


def feature_names() -> list[str]:
    """Return 783 names of columns, among them those that are read."""
    read = ["HR__Global", "HR_Ventr_Global", "QRS_Dur_Global", "PR_Int_Global", "QT_Int_Global", "QT_IntBazett_Global"]
    read += ["R_AxisFrontal_Global", "P_AxisFront_Global", "T_AxisFront_Global"]
    names = read + [f"R_Amp_{number}" for number in range(FEATURES - 1 - len(read))]
    return [*names[:PLACE_OF_THE_KEY], "ecg_id", *names[PLACE_OF_THE_KEY:]]


def _features(ids: Sequence[str], rng: random.Random) -> Iterator[list[str]]:
    rest = ["0.125"] * (FEATURES - 10)
    for ecg_id in ids:
        rate = rng.randint(45, 130)
        intervals = [rng.randint(80, 150), rng.randint(120, 220), rng.randint(340, 440), rng.randint(380, 480)]
        axes = [rng.randint(-70, 110), rng.randint(0, 80), rng.randint(-20, 120)]
        values = [str(float(value)) for value in (rate, rate, *intervals, *axes)] + rest
        yield [*values[:PLACE_OF_THE_KEY], ecg_id, *values[PLACE_OF_THE_KEY:]]


def _table(path: Path, header: list[str], rows: Iterator[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ptbxl", type=Path, default=SHARED)
    options = parser.parse_args()
    with (options.ptbxl / TABLE).open(newline="", encoding="utf-8") as file:
        make(list(csv.DictReader(file)), options.folder)


if __name__ == "__main__":
    main()
