"""The study files that ship can be run as they are."""

from pathlib import Path

import pytest
import yaml

from ml.study.configuration import Config
from ml.study.run import planned

EXAMPLES = Path(__file__).resolve().parents[3] / "docs/examples"
STUDIES = sorted(path.name for path in EXAMPLES.glob("*_study.yaml"))


@pytest.mark.parametrize("name", STUDIES)
def test_every_run_of_a_study_file_has_a_valid_configuration(name: str, tmp_path: Path) -> None:
    given = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    study = Config.model_validate({**given, "dataset": tmp_path, "unlabelled": tmp_path})
    assert len({arm.folder(study, study.seeds[0]) for arm in planned(study)}) > 1


@pytest.mark.parametrize("name", ["simulated_study.yaml", "ptbxl_study.yaml"])
def test_a_simulated_and_a_real_study_make_table_2_with_several_seeds(name: str, tmp_path: Path) -> None:
    given = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    study = Config.model_validate({**given, "dataset": tmp_path})
    assert {"supervised", "supervised_machine"} <= {arm.name for arm in planned(study)}
    assert len(study.seeds) >= 3
