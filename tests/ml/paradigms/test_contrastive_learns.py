"""CLIP and NegCLIP learn from few ECGs, by the presets as they ship."""

import json
import subprocess
import sys

import pytest

from ml.training.loop import Training

ECGS, STEPS = 1000, 120


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets") / "simulated"
    command = [sys.executable, "-m", "ml.corpus.simulator", str(folder), "--ecgs", str(ECGS), "--seed", "5"]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture
def learned(simulated, tmp_path, said):
    """Return the best macro AUPRC on the validation split."""

    def learned(**options):
        folder = tmp_path / options["paradigm"]
        folder.mkdir()
        config = {"dataset": str(simulated), "device": "cpu", "threads": 1, "max_steps": STEPS, **options}
        (folder / "config.json").write_text(json.dumps(config))
        Training(folder, said).run()
        return max(each["validation_macro_auprc"] for each in said.of("metrics"))

    return learned


@pytest.mark.slow
@pytest.mark.timeout(1800)  # laptop takes minutes where nothing else runs
@pytest.mark.parametrize(
    ("preset", "paradigm"), [("test", "clip"), ("tiny", "negclip"), ("laptop", "clip"), ("laptop", "negclip")]
)
def test_a_contrastive_preset_beats_a_linear_probe_on_its_random_encoder(learned, said, preset, paradigm):
    trained = learned(paradigm=paradigm, preset=preset)
    said.events.clear()
    head = {"paradigm": "supervised", "freeze_encoder": True, "batch_size": 64, "learning_rate": 3e-3, "patience": 100}
    assert trained > learned(preset=preset, **head)
