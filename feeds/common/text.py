"""Cleans text that comes from outside; folds names, shortens paths, guesses what was meant.

Removed are characters that XML 1.0 forbids (section 2.2) and those that feed validators doubt
although XML allows them: DEL and the C1 controls, the noncharacters of Unicode (section 23.7), and
U+FFFD, which only ever stands for a character that was already lost.

Mojibake, UTF-8 that was read as windows-1252 or latin-1 (``â€œ`` for ``“``), is repaired if it is
certain. A sequence of two characters may be honest text: ``MAMÃ…`` is a Portuguese word before an
ellipsis. Certain are a C1 control, which no text has; a capital behind a small letter; a sign that
never follows that letter; a small letter right behind a quotation mark; or its neighbour, if that
is mojibake, too. ftfy judges the whole text first, and repairs what other encodings made of UTF-8.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec

_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane + 0xFFFE) + chr(plane + 0xFFFF) for plane in range(0x10000, 0x110000, 0x10000)
)
_CLASS = f"\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffd-\uffff{_NONCHARACTERS}"
_UNWANTED_BUT_C1 = re.compile(f"[{_CLASS}]")
_UNWANTED = re.compile(f"[{_CLASS}\x80-\x9f]")
# Sorting the marks on one letter takes the square of their number, so they are bounded as in
# Unicode's Stream-Safe Text Format (UAX #15, section 13).
_MOST_MARKS = 30
_MAYBE_MARKS = re.compile(f"[^\x00-\u02ff]{{{_MOST_MARKS + 1},}}")
# White space that is no single blank.
_SPACES = re.compile("[ \t\r\n\u2028\u2029]{2,}|[\t\r\n\u2028\u2029]")
# A byte order mark before a text was left there by whoever joined files.
_BEFORE = re.compile(r"[\s\ufeff]+")
# Mojibake shows a letter or sign for the lead byte of a sequence. Typographic marks stand only for
# continuation bytes, or only for lead bytes, in every such encoding; so text whose sole non-ASCII
# characters are these cannot be mojibake, and ftfy is not asked.
_SUSPECT = re.compile("[^\x00-\x7f‘’“”–—…]")
_is_usual = re.compile("[ -~‘’“”–—…]*").fullmatch  # text that nothing can be wrong with

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
# No word goes on right behind a quotation mark; behind a joiner it can.
_QUOTES = frozenset("‘“”‚„‹›«»")
_JOINERS = frozenset("’–—…•·\xa0\xad")
# Signs that follow a letter in honest text: punctuation, signs behind words, (Czech) letters.
_HONEST = _QUOTES | _JOINERS | frozenset("™©®°¹²³ªº´¨¿¡šžœŠŽŒŸ")
# Mojibake of mojibake comes of texts that went through several hands.
_ROUNDS = 4
# Names and titles recur from seed to seed; bodies, which are longer, do not.
_OFTEN = 300


def clean_line(text: str, *, repair: bool) -> str:
    """Returns one-line text: repaired, NFC, without unwanted characters, white space collapsed.

    A byte order mark (U+FEFF) before it is dropped.
    """
    if not (text.isascii() and text.isprintable()) and not _is_usual(text):
        text = _SPACES.sub(" ", without_mark(clean_block(text, repair=repair)))
    elif "  " in text:
        text = _SPACES.sub(" ", text)
    return text.strip()


def clean_block(text: str, *, repair: bool) -> str:
    """Returns text of several lines: repaired, NFC, without unwanted characters."""
    if repair and _SUSPECT.search(text):
        text = repair_mojibake(text)
    return _composed(_UNWANTED.sub("", text))


def clean_source(text: str) -> str:
    """Returns text whose parts `clean_block` gets later, with all that this needs for repairs."""
    if not text.isascii():
        text = without_stray_controls(without_mark(text))
    return _composed(_UNWANTED_BUT_C1.sub("", text))


def without_mark(text: str) -> str:
    """Returns the text without byte order marks (U+FEFF) before it."""
    match = _BEFORE.match(text) if "\ufeff" in text else None
    return match[0].replace("\ufeff", "") + text[match.end() :] if match else text


def without_stray_controls(text: str) -> str:
    """Returns the text without C1 controls, but for those that can be part of mojibake.

    U+0085 is the end of a line in YAML, so a space stands for it.
    """
    return _SEQUENCE_OR_C1.sub(
        lambda match: match[0] if len(match[0]) > 1 else " " if match[0] == "\x85" else "", text
    )


@lru_cache(maxsize=65536)
def fold(name: str) -> str:
    """Returns what names are compared by: without case, and with white space collapsed."""
    return " ".join(name.casefold().split())


def _composed(text: str) -> str:
    """Returns the text in NFC, without the marks on a letter that are too many."""
    return unicodedata.normalize("NFC", _MAYBE_MARKS.sub(_bounded_marks, text))


def _bounded_marks(match: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in match[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def repair_mojibake(text: str) -> str:
    """Returns the text with what is certainly mojibake repaired."""
    return _repair_cached(text) if len(text) <= _OFTEN else _repair(text)


def _repair(text: str) -> str:
    is_bad, repaired = _judge(), text
    for _ in range(_ROUNDS):
        before = repaired
        if not is_bad(before):
            break
        repaired = _repair_once(before)
        if repaired == before:
            repaired = _repair_others(before)
            break
    # If as many controls are left, or nothing to see, it was no mojibake, or its source is lost.
    left = len(_C1.findall(repaired))
    is_better = not left or left < len(_C1.findall(text))
    return repaired if is_better and _C1.sub("", repaired).strip() else text


_repair_cached = lru_cache(maxsize=4096)(_repair)


@cache
def _judge() -> Callable[[str], bool]:
    """Returns `ftfy.badness.is_bad`: this module alone, since all of ftfy takes 30 ms to load."""
    folders = cast("ModuleSpec", find_spec("ftfy")).submodule_search_locations
    spec = cast("ModuleSpec", PathFinder.find_spec("ftfy.badness", folders))
    module = module_from_spec(spec)
    cast("Loader", spec.loader).exec_module(module)
    return cast("Callable[[str], bool]", module.is_bad)


def _repair_once(text: str) -> str:
    # If all that is not ASCII is such sequences, one that is certain speaks for all.
    if _RUN.sub("", text).isascii() and any(map(_is_certain, _RUN.finditer(text))):
        return _decode_run(text)
    return _RUN.sub(lambda run: _decode_run(run[0]) if _is_certain(run) else run[0], text)


def _is_certain(run: re.Match[str]) -> bool:
    return _C1.search(run[0]) is not None or any(
        (one[0] != run[0] and not _HONEST.issuperset(one[0][1:])) or _is_certain_alone(one)
        for one in _SEQUENCE.finditer(run.string, *run.span())
    )


def _is_certain_alone(one: re.Match[str]) -> bool:
    text, lead, signs = one.string, one[0][0], one[0][1:]
    if len(signs) > 1:
        return one[0] == "ï»¿" or not _HONEST.issuperset(signs)
    before, after = text[max(one.start() - 1, 0) : one.start()], text[one.end() : one.end() + 2]
    if lead.isupper() and before.islower():
        return True
    if lead in "ÃÂ":
        return _is_certain_capital(lead, signs, before, after)
    # Such a letter begins a word, and the word goes on behind a sign that ends words.
    goes_on = after.isalpha() and after.islower() and not before.isalpha()
    return lead.isupper() and goes_on and signs not in _JOINERS


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
    try:
        decoded = bytes(_SHOWN.get(ord(sign), ord(sign)) for sign in sequence).decode()
    except UnicodeDecodeError:
        return sequence
    if decoded == "\ufeff":  # a byte order mark, which means nothing inside a text
        return ""
    return sequence if unicodedata.category(decoded) in {"Cn", "Co", "Cs"} else decoded


def _repair_others(text: str) -> str:
    """Repairs UTF-8 that was read in an encoding other than windows-1252 and latin-1, by ftfy."""
    from ftfy import TextFixerConfig, fix_encoding_and_explain

    config = TextFixerConfig(
        restore_byte_a0=False, replace_lossy_sequences=False, decode_inconsistent_utf8=False
    )
    fixed, steps = fix_encoding_and_explain(text, config)
    encodings = {step.parameter for step in steps or () if step.action == "encode"}
    decoded = all(step.parameter == "utf-8" for step in steps or () if step.action == "decode")
    # A single sequence of two characters may be honest text.
    ours = {"latin-1", "sloppy-windows-1252"}
    is_certain = decoded and not encodings & ours and len(text) - len(fixed) > 1
    return fixed if is_certain else text


def display_path(path: str, base: str) -> str:
    """Returns the path as messages show it: relative to `base` if it is below it."""
    prefix = base.rstrip("/") + "/"
    relative = path.removeprefix(prefix)
    if relative.isprintable():
        return relative
    # A name must not break the lines of a message, or control the terminal.
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in relative)


def did_you_mean(found: str, known: Iterable[str], *, quoted: bool = False) -> str:
    """Returns " (did you mean X?)" if a known name resembles what was found, else ``""``.

    Upper and lower case do not matter; `quoted` is for names that may have spaces.
    """
    # On demand: only who mistypes waits for it.
    from difflib import get_close_matches

    names = {fold(name): name for name in known}
    close = get_close_matches(fold(found), names, n=1)
    if not close:
        return ""
    name = names[close[0]]
    return f" (did you mean {name!r}?)" if quoted else f" (did you mean {name}?)"
