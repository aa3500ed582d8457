"""A report in a language that is not shipped is unread: it has no finding, and says so."""

import itertools
import json
from pathlib import Path

import pytest

from ml.labeling import Labeler, Masks, Vocabulary, builtin, builtin_text

LABELS = Path(__file__).resolve().parents[3] / "../shared/labels"
LABELER = Labeler(builtin())
OTHER = {
    "fr": [
        "Rythme sinusal normal",
        "Tachycardie sinusale",
        "Bradycardie sinusale à 48/min",
        "Fibrillation auriculaire rapide",
        "Flutter auriculaire à conduction variable",
        "Bloc de branche droit complet",
        "Bloc de branche gauche",
        "Hémibloc antérieur gauche",
        "Déviation axiale gauche",
        "Hypertrophie ventriculaire gauche",
        "Séquelle d'infarctus inférieur",
        "Pas de signe d'infarctus antérieur",
        "Infarctus antérieur à évoquer",
        "Pas de trouble de la repolarisation",
        "Tracé dans les limites de la normale",
        "Extrasystoles ventriculaires fréquentes",
    ],
    "es": [
        "Ritmo sinusal normal",
        "Taquicardia sinusal",
        "Bradicardia sinusal a 50 lpm",
        "Fibrilación auricular con respuesta rápida",
        "Flutter auricular con conducción variable",
        "Bloqueo completo de rama derecha",
        "Bloqueo de rama izquierda",
        "Hemibloqueo anterior izquierdo",
        "Desviación del eje a la izquierda",
        "Hipertrofia ventricular izquierda",
        "Infarto inferior antiguo",
        "Sin signos de infarto anterior",
        "No se puede descartar infarto anterior",
        "Alteraciones inespecíficas de la repolarización",
        "Trazado dentro de límites normales",
        "Extrasístoles ventriculares frecuentes",
    ],
    "it": [
        "Ritmo sinusale normale",
        "Tachicardia sinusale",
        "Bradicardia sinusale a 48 bpm",
        "Fibrillazione atriale a risposta rapida",
        "Flutter atriale a conduzione variabile",
        "Blocco di branca destra completo",
        "Blocco di branca sinistra",
        "Emiblocco anteriore sinistro",
        "Deviazione assiale sinistra",
        "Ipertrofia ventricolare sinistra",
        "Esiti di infarto inferiore",
        "Nessun segno di infarto anteriore",
        "Non si può escludere un infarto anteriore",
        "Alterazioni aspecifiche della ripolarizzazione",
        "Tracciato nei limiti della norma",
        "Extrasistoli ventricolari frequenti",
    ],
    "nl": [
        "Normaal sinusritme",
        "Sinustachycardie",
        "Sinusbradycardie van 48 slagen per minuut",
        "Boezemfibrilleren met snelle kamervolgfrequentie",
        "Boezemflutter met wisselend blok",
        "Compleet rechterbundeltakblok",
        "Linkerbundeltakblok",
        "Linker anterieur hemiblok",
        "Linker asafwijking",
        "Linkerventrikelhypertrofie",
        "Oud onderwandinfarct",
        "Geen tekenen van anterior infarct",
        "Voorwandinfarct niet uit te sluiten",
        "Aspecifieke repolarisatiestoornissen",
        "Opname zonder afwijkingen",
        "Frequente ventriculaire extrasystolen",
    ],
    "pt": [
        "Ritmo sinusal normal",
        "Taquicardia sinusal",
        "Bradicardia sinusal de 48 bpm",
        "Fibrilação atrial de alta resposta",
        "Flutter atrial com condução variável",
        "Bloqueio completo do ramo direito",
        "Bloqueio do ramo esquerdo",
        "Hemibloqueio anterior esquerdo",
        "Desvio do eixo para a esquerda",
        "Sobrecarga ventricular esquerda",
        "Infarto inferior antigo",
        "Sem sinais de infarto anterior",
        "Não se pode afastar infarto anterior",
        "Alterações inespecíficas da repolarização",
        "Traçado dentro dos limites normais",
        "Extrassístoles ventriculares frequentes",
    ],
    "sv": [
        "Normal sinusrytm",
        "Sinustakykardi",
        "Sinusbradykardi 48 per minut",
        "Förmaksflimmer med snabb kammarfrekvens",
        "Förmaksfladder med varierande blockering",
        "Högersidigt skänkelblock",
        "Vänstersidigt skänkelblock",
        "Främre vänstersidigt hemiblock",
        "Vänsterställd elaxel",
        "Vänsterkammarhypertrofi",
        "Tidigare inferior infarkt",
        "Inga tecken till anterior infarkt",
        "Inferior infarkt bör övervägas",
        "Ospecifika repolarisationsförändringar",
        "Normalt ekg utan anmärkning",
        "Täta ventrikulära extraslag",
    ],
}


def reports(language: str) -> list[str]:
    """Return made reports: each phrase with the one after it, and with two further ones."""
    phrases = OTHER[language]
    two = [f"{a}. {b}." for a, b in itertools.pairwise([*phrases, phrases[0]])]
    three = [
        f"{a}\n{b}\n{c}" for a, b, c in zip(phrases, phrases[3:] + phrases[:3], phrases[7:] + phrases[:7], strict=True)
    ]
    return two + three


@pytest.mark.parametrize("language", OTHER)
def test_another_language_is_unread(language: str) -> None:
    made = reports(language)
    assert len(made) >= 30
    for text in made:
        reading = LABELER.read(text)
        assert (reading.unread, reading.findings, reading.masks()) == (True, (), Masks(0, 0, 0, 0)), text
        assert reading.unmapped == reading.statements


def test_english_and_german_are_read() -> None:
    for name in ("policy_cases.txt", "heldout_cases.txt", *(f"heldout_cases_{i}.txt" for i in range(2, 10))):
        for line in Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines():
            if "=>" not in line:
                continue
            text = line.split("=>")[0].strip().replace(" ⏎ ", "\n")
            assert not LABELER.read(text).unread, text


@pytest.mark.parametrize("name", ["gold_public.jsonl", "gold_public_2.jsonl"])
def test_gold_reports_with_a_finding_are_read(name: str) -> None:
    if not (LABELS / name).exists():
        pytest.skip(f"{LABELS / name} is absent")
    for line in (LABELS / name).read_text(encoding="utf-8").splitlines():
        report = json.loads(line)
        if any(report[status] for status in ("labels", "uncertain", "negated", "historical")):
            assert not LABELER.read(report["text"]).unread, report["text"]


def test_a_vocabulary_without_the_share_reads_everything() -> None:
    labeler = Labeler(Vocabulary.parse(builtin_text().replace("unread_above: 0.5", "unread_above: 1")))
    assert not labeler.read("Ritmo de marca-passo. Sem sinais de infarto anterior.").unread
