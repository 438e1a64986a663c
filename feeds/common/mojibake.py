"""UTF-8 that was read as windows-1252 or latin-1 (``â€œ`` for ``“``). Contains no business logic.

Only what is certain is repaired. A sequence of two characters may be honest text: ``MAMÃ…`` is a
Portuguese word before an ellipsis, and "The letter Ã is nasal" holds no sequence at all. What gives
mojibake away is a C1 control, which no text has; a capital behind a small letter; a sign that never
follows that letter; a small letter right behind a quotation mark; or its neighbour, if that is
mojibake, too. ftfy judges the whole text first, and repairs what other encodings made of UTF-8.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# The bytes 0x80 to 0x9f as windows-1252 shows them, those that it leaves open as C1 controls.
_SHOWN = {
    ord(bytes([byte]).decode("cp1252", errors="ignore") or chr(byte)): byte
    for byte in range(0x80, 0xA0)
}
_NEXT = "[\x80-\xbf" + "".join(map(chr, sorted(_SHOWN))) + "]"
_SEQUENCE = re.compile(
    f"[\xc2-\xdf]{_NEXT}|[\xe0-\xef]{_NEXT}{_NEXT}|[\xf0-\xf4]{_NEXT}{_NEXT}{_NEXT}"
)
_RUN = re.compile(f"(?:{_SEQUENCE.pattern})+")
_C1 = re.compile("[\x80-\x9f]")
_SEQUENCE_OR_C1 = re.compile(f"{_SEQUENCE.pattern}|{_C1.pattern}")
# Right behind these no word goes on; joiners are what words can go on behind.
_QUOTES = frozenset("‘“”‚„‹›«»")
_JOINERS = frozenset("’–—…•·\xa0\xad")
# What follows a letter in honest text: punctuation, signs behind words, and (Czech) letters.
_HONEST = _QUOTES | _JOINERS | frozenset("™©®°¹²³ªº´¨¿¡šžœŠŽŒŸ")
# Mojibake of mojibake comes of texts that went through several hands.
_ROUNDS = 4
# Names and titles recur from seed to seed; bodies, which are longer, do not.
_OFTEN = 300
# Encodings that are judged here, by what is certain.
_OURS = {"latin-1", "sloppy-windows-1252"}


def without_stray_controls(text: str) -> str:
    """Returns the text without C1 controls, but for those that can be part of mojibake.

    U+0085 is the end of a line in YAML, so a space stands for it.
    """
    return _SEQUENCE_OR_C1.sub(
        lambda match: match[0] if len(match[0]) > 1 else " " if match[0] == "\x85" else "", text
    )


def repair(text: str) -> str:
    """Returns the text with what is certainly mojibake repaired."""
    return _repair_often(text) if len(text) <= _OFTEN else _repair(text)


@lru_cache(maxsize=4096)
def _repair_often(text: str) -> str:
    return _repair(text)


def _repair(text: str) -> str:
    # Imported on demand: most seeds have nothing to repair, and the import costs 100 ms.
    from ftfy.badness import is_bad

    repaired = text
    for _ in range(_ROUNDS):
        before = repaired
        if not is_bad(before):
            break
        repaired = _repair_once(before)
        if repaired == before:
            repaired = _repair_others(before)
            break
    # Mojibake of a control is none, or it is lost what it was made from.
    return repaired if len(_C1.findall(repaired)) <= len(_C1.findall(text)) else text


def _repair_once(text: str) -> str:
    # Where all that is not ASCII is such sequences, one that is certain speaks for all.
    if _RUN.sub("", text).isascii() and any(_is_certain(run) for run in _RUN.finditer(text)):
        return _decode_run(text)
    return _RUN.sub(lambda run: _decode_run(run[0]) if _is_certain(run) else run[0], text)


def _is_certain(run: re.Match[str]) -> bool:
    if _C1.search(run[0]):
        return True
    for one in _SEQUENCE.finditer(run.string, *run.span()):
        if one[0] != run[0] and not _HONEST.issuperset(one[0][1:]):
            return True
        if _is_certain_alone(one):
            return True
    return False


def _is_certain_alone(one: re.Match[str]) -> bool:
    text, lead, signs = one.string, one[0][0], one[0][1:]
    if len(signs) > 1:
        return one[0] == "ï»¿" or not _HONEST.issuperset(signs)
    sign, before = signs, text[max(one.start() - 1, 0) : one.start()]
    after = text[one.end() : one.end() + 2]
    if lead.isupper() and before.islower():
        return True
    if lead in "ÃÂ":
        return _is_certain_capital(lead, sign, before, after)
    # Such a letter begins a word, and the word goes on behind a sign that ends words.
    goes_on = after.isalpha() and after.islower() and not before.isalpha()
    return lead.isupper() and goes_on and sign not in _JOINERS


def _is_certain_capital(lead: str, sign: str, before: str, after: str) -> bool:
    """Judges a sequence that begins with one of the two letters of most mojibake."""
    goes_on = after[:1].isalpha() and after[:1].islower()
    if sign not in _HONEST or sign in "šžœŠŽŒŸ¡¿¨" or before.isdecimal():
        return True
    if sign == "\xa0":
        return not after[:1].isalnum()
    if sign in _JOINERS:  # "Ã–sterreich", but "Ã’s sound"
        return not before.isalpha() and len(after) > 1 and after.isalpha() and after.islower()
    if sign in "«»":
        return goes_on or (lead == "Â" and before not in _QUOTES)
    return goes_on or (sign not in _QUOTES and not before.isalpha())


def _decode_run(run: str) -> str:
    return _SEQUENCE.sub(lambda match: _decode(match[0]), run)


@lru_cache(maxsize=4096)
def _decode(sequence: str) -> str:
    data = bytes(_SHOWN.get(ord(sign), ord(sign)) for sign in sequence)
    try:
        decoded = data.decode()
    except UnicodeDecodeError:
        return sequence
    if decoded == "\ufeff":  # a byte order mark, which says nothing amid text
        return ""
    return sequence if unicodedata.category(decoded) in {"Cn", "Co", "Cs"} else decoded


def _repair_others(text: str) -> str:
    from ftfy import TextFixerConfig, fix_encoding_and_explain

    config = TextFixerConfig(
        restore_byte_a0=False, replace_lossy_sequences=False, decode_inconsistent_utf8=False
    )
    fixed, steps = fix_encoding_and_explain(text, config)
    encodings = {step.parameter for step in steps or () if step.action == "encode"}
    decoded = all(step.parameter == "utf-8" for step in steps or () if step.action == "decode")
    # A single sequence of two characters may be honest text.
    is_certain = decoded and not encodings & _OURS and len(text) - len(fixed) > 1
    return fixed if is_certain else text
