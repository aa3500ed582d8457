"""The debatable choices of the label policy: one switch each, named as in the policy."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Policy(BaseModel):
    """The switches with the policy's defaults; rules, cues and fields of a vocabulary may depend on them (`when`).

    `hedge_binary` changes no finding: it says how a later binary vector counts the uncertain ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hedge_binary: Literal["positive", "negative", "ignore"] = "positive"
    septal_mi: Literal["anterior", "none"] = "anterior"
    incomplete_bbb: Literal["exclude", "include"] = "exclude"
    fascicular_axis: Literal["on", "off"] = "on"
    leftward_rightward_axis: Literal["exclude", "include"] = "exclude"
    sinus_variants: Literal["include", "exclude"] = "include"
    normal_ecg_implies_sinus: Literal["false", "true"] = "false"
    sinus_or_ectopic: Literal["uncertain", "exclude"] = "uncertain"
    lvh_voltage: Literal["present", "uncertain"] = "present"
    lvh_minimal_or_normal_variant: Literal["uncertain", "present", "none"] = "uncertain"
    ventricular_enlargement: Literal["present", "none"] = "present"
    injury: Literal["uncertain", "none"] = "uncertain"
    fib_flutter_undecided: Literal["uncertain", "present"] = "uncertain"
    bifascicular_alone: Literal["rbbb", "none"] = "rbbb"
    bbb_type_ivcd: Literal["exclude", "include"] = "exclude"
    paced_or_ectopic_morphology: Literal["exclude", "include"] = "exclude"
    numeric_axis: Literal["use", "ignore"] = "use"
    measurement_block: Literal["ignore", "use"] = "ignore"
    q_waves_alone: Literal["exclude", "include"] = "exclude"
    extreme_axis_also_rad: Literal["false", "true"] = "false"
    history_fields: Literal["historical", "drop"] = "historical"
    consistent_with: Literal["present", "uncertain"] = "present"
