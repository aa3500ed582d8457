"""One list of paradigms: everything that names them reads it."""

import subprocess
import sys

import pytest

from app.models.schemas import Overrides, TrainingIn
from ml.networks.resnet1d import PRESETS as NETWORKS
from ml.paradigms import registry
from ml.paradigms.definition import Definition, Section
from ml.study.configuration import Config as Study
from ml.study.plan import arms
from ml.training.configuration import Config
from ml.training.presets import PRESETS


def test_the_api_the_configuration_and_studies_read_the_registry():
    names, schema = list(registry.PARADIGMS), TrainingIn.model_json_schema()
    assert schema["properties"]["paradigm"]["enum"] == names
    assert registry.sections().keys() <= Overrides.model_fields.keys()
    titles = {arm.name: arm.title for arm in arms(Study(dataset="corpus", unlabelled="other", paradigms=names), names)}
    for name, definition in registry.PARADIGMS.items():
        unlabelled = {"unlabelled": "other"} if definition.unlabelled else {}
        config = Config.model_validate({"dataset": "corpus", "paradigm": name, **unlabelled})
        assert config.definition() is definition and titles[name] == definition.title


def test_a_section_is_refused_for_the_paradigms_that_do_not_have_it():
    for name, definition in registry.PARADIGMS.items():
        unlabelled = {"unlabelled": "other"} if definition.unlabelled else {}
        for section in registry.sections():
            given = {"dataset": "corpus", "paradigm": name, **unlabelled, section: {}}
            if section in definition.sections:
                Config.model_validate(given)
            else:
                with pytest.raises(ValueError, match=f"{section} has no meaning for {name}"):
                    Config.model_validate(given)


def test_presets_name_encoders_that_there_are():
    assert {preset["encoder"] for preset in PRESETS.values()} <= NETWORKS.keys()


def test_a_paradigm_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="no paradigm is called telepathy; there are supervised, self_training"):
        registry.find("telepathy")


ADDED = """
import sys
from ml.paradigms import registry
from ml.paradigms.definition import Definition, Section

class Options(Section):
    strength: float = 1.0

toy = Definition(name="toy", title="A toy", build=lambda inputs: None, sections={"toy": Options})
registry.PARADIGMS = {**registry.PARADIGMS, "toy": toy}  # the one line

from app.models.schemas import Overrides, TrainingIn
from ml.training.configuration import Config

assert "toy" in TrainingIn.model_json_schema()["properties"]["paradigm"]["enum"]
assert Config(dataset="corpus", paradigm="toy", toy={"strength": 2}).section(Options).strength == 2
assert Overrides(toy={"strength": 3}).toy.strength == 3
assert "torch" not in sys.modules
"""


def test_one_line_adds_a_paradigm_and_its_section_everywhere_without_torch():
    subprocess.run([sys.executable, "-c", ADDED], check=True)


def test_definitions_with_defaults_are_small():
    toy = Definition(name="toy", title="Toy", build=lambda inputs: None)
    assert (toy.sections, toy.contrastive, toy.unlabelled) == ({}, False, False)
    with pytest.raises(ValueError, match="unknown"):
        Section.model_validate({"unknown": 1})
