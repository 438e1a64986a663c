"""feeds.common.text: what is certain is repaired, and honest text is left alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.common.text import clean_line, repair_mojibake, without_stray_controls

_HONEST = [
    *("The letter Ã is nasal", "Ã", "Ã is", "the letter Â and Ã", "Ã, Â and Ä", "Ã/Â", "a Â b"),
    *("The letter Ã\xa0is nasal", "the letter “Â” is", "the letter «Â» is", "Ã’s pronunciation"),
    *("MAMÃ…", "AMANHÃ—talvez", "MAMÃ’s day", "«IRMÃ» x", "MANHÃ²", "MAÇÃ®", "SÃO PAULO…"),
    *("« CAFÉ»", "„SCHÖ“ ist", "MENÜ“ heißt", "IL Y MARQUÉ…", "MÉXICO®", "TÉ™", "PRÉ°", "CAFÉ†"),
    *("“café”… he said", "«murió”…»", "naïve™", "Zoë’s", "É”", "5 °C", "20 €", "¿Qué?", "¡Olé!"),
    *("kříž…", "též” řekl", "Paříž“", "KNÍŽKA", "VÍŠEK", "Škoda", "Łódź", "đž", "ÍŽ"),
    *("Привет, «мир»", "РС и РЎ", "日本語", "שלום", "ÄÖÜ", "Ação: não à SÃO", "œuvre", "Ÿ"),
]
_TEXTS = [
    *("It’s “quoted” — fine…", "Café", "École à Nîmes", "voilà monsieur", "über Straßen", "naïve"),
    *("Łódź", "Привет, мир", "Ελλάδα", "日本語のテスト", "שלום עולם", "😀 smile", "ﬁne", "5\xa0kg"),
    *(
        "½ • ¿Qué? ¡Olé! ©2020 £5 5° €20",
        "São Paulo",
        "Señor Núñez",
        "İstanbul",
        "și",
        "à la carte",
    ),
]


def as_windows_1252(text: str) -> str:
    """Reads UTF-8 as programs do that take it for windows-1252: open bytes are C1 controls."""
    shown = text.encode().decode("cp1252", errors="surrogateescape")
    return "".join(
        chr(ord(sign) & 0xFF) if "\udc80" <= sign <= "\udcff" else sign for sign in shown
    )


@pytest.mark.parametrize("text", _HONEST)
def test_honest_text_is_left_alone(text: str) -> None:
    assert repair_mojibake(text) == text


@pytest.mark.parametrize("text", _TEXTS)
@pytest.mark.parametrize("rounds", [1, 2])
def test_mojibake_is_repaired(text: str, rounds: int) -> None:
    for read in (as_windows_1252, lambda text: text.encode().decode("latin-1")):
        broken = text
        for _ in range(rounds):
            broken = read(broken)
        assert repair_mojibake(broken) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("“It” and Itâ€™s", "“It” and It’s", id="beside typography"),
        pytest.param("The letter Ã is in CafÃ©", "The letter Ã is in Café", id="beside a letter"),
        pytest.param("O que Ã© isso", "O que é isso", id="a word alone"),
        pytest.param("crÃ©Ã© par JosÃ©", "créé par José", id="two in a row"),
        pytest.param("â\x80\x9c É” é", "“ É” é", id="raw controls beside what is honest"),
        pytest.param("GÃ¶teborg – MALMÃ–", "Göteborg – MALMÃ–", id="what is not certain stays"),
        pytest.param("voilÃ  monsieur", "voilÃ  monsieur", id="a byte that was lost"),
        pytest.param("РџСЂРёРІРµС‚", "Привет", id="windows-1251"),
        pytest.param("‚Äúquote‚Äù", "“quote”", id="Mac Roman"),
        pytest.param("ï»¿Title", "Title", id="byte order mark"),
        pytest.param("Â\x80", "Â\x80", id="what would be a control alone"),
        pytest.param("â\x80\x80", "â\x80\x80", id="what would be a space alone"),
        pytest.param("Â\x80Ã\x82Â\x80", "Â\x80Ã\x82Â\x80", id="what would be controls alone"),
    ],
)
def test_repair_is_of_single_sequences(text: str, wanted: str) -> None:
    assert repair_mojibake(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("a\x80b", "ab"), ("a\x85b", "a b"), ("é\x9c", "é"), ("â\x80\x9c", "â\x80\x9c")],
)
def test_stray_controls_go_and_those_of_mojibake_stay(text: str, wanted: str) -> None:
    assert without_stray_controls(text) == wanted


@example("Â\x80")
@given(st.text(alphabet="aZ ÃÂâ€œ\x9c\x80©™…éÐŸÑ°ðŸ˜ž-", max_size=12))
def test_repair_never_adds_controls_and_comes_to_an_end(text: str) -> None:
    repaired = repair_mojibake(text)
    assert len(repaired) <= len(text)
    assert sum("\x80" <= sign < "\xa0" for sign in repaired) <= len(text)
    assert clean_line(text, repair=True) or not clean_line(text, repair=False)


@pytest.mark.parametrize("piece", ["Ã©", "Ã© ", "x Ã", "â€", "Ã\x89", "ÃƒÂ©", "вЂ™", "Ã", "\x80"])
def test_repair_takes_time_in_proportion(piece: str) -> None:
    text = piece * (500_000 // len(piece))
    began = time.process_time()
    repair_mojibake(text)
    without_stray_controls(text)
    assert time.process_time() - began < 30


@pytest.mark.parametrize("times", [1, 4])
def test_repair_goes_through_what_was_spoiled_several_times(times: int) -> None:
    spoiled = "Café – über"
    for _ in range(times):
        spoiled = spoiled.encode().decode("windows-1252")
    assert repair_mojibake(spoiled) == "Café – über"
