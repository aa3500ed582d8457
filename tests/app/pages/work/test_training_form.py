from app.pages.work.training import in_short, settings_of


def values(paradigm: str, preset: str) -> dict[str, object]:
    return {setting.name: setting.value for _, settings in settings_of(paradigm, preset) for setting in settings}


def test_the_form_shows_what_the_preset_says_to_the_paradigm() -> None:
    contrastive, labelled = values("negclip", "laptop"), values("supervised", "laptop")
    assert (contrastive["overrides.text_learning_rate"], contrastive["overrides.min_steps"]) == (5e-4, 400)
    assert "overrides.text_learning_rate" not in labelled  # it would be refused
    assert (labelled["overrides.min_steps"], labelled["overrides.max_steps"]) == (0, None)
    assert ("warmup steps", 50) in in_short("clip", "test")
    assert "warmup steps" not in dict(in_short("supervised", "test"))
