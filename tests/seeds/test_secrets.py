"""feeds.seeds.secrets: where a secret begins in a text, told in time linear in its length."""

from __future__ import annotations

import time
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.seeds.secrets import find_secrets, scannable, tells_secret

BLOB = "wmN1XUkAeqeLw74hJAUdxFhxipbSYo35MMIBJs1MlGyE0jZpTm1DYJO3Aw3uiOIj"
_LENGTH = 1 << 18


def _found(front: str, body: str = "") -> list[tuple[int, int, bool]]:
    text = scannable((front + body).encode())
    body_at = len(scannable(front.encode()))
    return [(one.line, one.column, one.is_plain) for one in find_secrets(text, body_at)]


@pytest.mark.parametrize(
    ("front", "place"),
    [
        pytest.param("secured: x\n", (1, 1, True), id="plain"),
        pytest.param("a: b\nsecured:\tx\n", (2, 1, True), id="plain-tab"),
        pytest.param("secured : x\n", (1, 1, True), id="plain-blank-before-the-colon"),
        pytest.param("  secured: x\n", (1, 3, False), id="indent"),
        pytest.param("\tsecured: x\n", (1, 2, False), id="tab"),
        pytest.param("- secured: x\n", (1, 3, False), id="item"),
        pytest.param("- - secured: x\n", (1, 5, False), id="item-of-item"),
        pytest.param("{secured: x}\n", (1, 2, False), id="brace"),
        pytest.param("[secured: x]\n", (1, 2, False), id="bracket"),
        pytest.param("a: {b: c\n, secured: x}\n", (2, 3, False), id="comma"),
        pytest.param('"secured": x\n', (1, 2, False), id="double-quotes"),
        pytest.param("'secured' : x\n", (1, 2, False), id="single-quotes"),
        pytest.param('- {"secured": x}\n', (1, 5, False), id="all-of-it"),
        pytest.param("? secured\n: x\n", (1, 3, False), id="question-mark"),
        pytest.param('? "secured"\n\n  : x\n', (1, 4, False), id="question-mark-quotes"),
        pytest.param("Secured: x\n", (1, 1, False), id="capital"),
        pytest.param("SECURED: x\n", (1, 1, False), id="capitals"),
        pytest.param("sEcUrEd: x\n", (1, 1, False), id="any-case"),
        pytest.param("“secured”: x\n", (1, 2, False), id="typographic-quotes"),
        pytest.param("\u00a0secured: x\n", (1, 2, False), id="no-break-space"),
        pytest.param("\u200b\ufeffsecured: x\n", (1, 3, False), id="invisible"),
        pytest.param("\ufeffsecured: x\n", (1, 1, True), id="byte-order-mark"),
        pytest.param("a\x85secured: x\n", (1, 3, False), id="NEL"),
        pytest.param("a\u2028secured: x\n", (1, 3, False), id="LS"),
        pytest.param("a\u2029secured: x\n", (1, 3, False), id="PS"),
        pytest.param("a\x0bsecured: x\n", (1, 3, False), id="VT"),
        pytest.param("a\x0csecured: x\n", (1, 3, False), id="FF"),
        pytest.param("a\rsecured: x\n", (2, 1, True), id="CR"),
        pytest.param("a\r\nsecured: x\r\n", (2, 1, True), id="CRLF"),
        pytest.param("a\n sec\x00ur\x1bed: x\n", (2, 2, False), id="controls-in-the-word"),
        pytest.param("a\n sec\x80ured: x\n", (2, 2, False), id="C1-in-the-word"),
        pytest.param(f"a: >\n  # secured: {BLOB}\n", (2, 5, False), id="comment-with-blob"),
        pytest.param(f"a: b\n  x secured: # a\n    {BLOB}\n", (2, 5, False), id="after-a-comment"),
        pytest.param(f"a: >\n  > secured: |\n  > {BLOB}\n", (2, 5, False), id="citation-with-blob"),
        pytest.param(f"a: {{b: c, secured: {BLOB}}}\n", (1, 11, False), id="in-braces-with-blob"),
        pytest.param("é İ ß\n secured: x\n", (2, 2, False), id="letters-whose-case-is-longer"),
    ],
)
def test_front_matter_has_a_secret_where_the_first_token_of_a_line_is_the_key(
    front: str, place: tuple[int, int, bool]
) -> None:
    assert _found(front) == [place]


@pytest.mark.parametrize(
    "front",
    [
        'title: "Funding secured: 5 million"\n',
        "title: 'Secured: how'\n",
        "title: Deal secured\n",
        "excerpt: >-\n  The deal is secured, and\n  insecured: x\n",
        "excerpt: Nothing - secured: five, {secured: six}, 'secured: seven'\n",
        "unsecured: x\n",
        "secured-by: x\n",
        "ｓｅｃｕｒｅｄ: x\n",
        "# secured: was here\n",
        'title: "Funding secured: Donaudampfschifffahrtsgesellschaftskapital"\n',
        "title: 'Secured, secured: https://example.com/2021/08/19/a-long-story'\n",
    ],
)
def test_front_matter_may_speak_of_secured_things(front: str) -> None:
    assert _found(front) == []
    assert not tells_secret(front.encode())


_BODIES = {
    "plain": f"secured: {BLOB}",
    "quotes": f'secured: "{BLOB}"',
    "quoted-key": f'"secured": "{BLOB}",',
    "capital": f"Secured: {BLOB}",
    "below": f"secured:\n  {BLOB}",
    "block": f"secured: >-\n  {BLOB}",
    "block-with-indicator": f"secured: |2-\n    {BLOB}",
    "block-with-comment": f"secured: >- # not for you\n  {BLOB}",
    "tag": f"secured: !!binary |\n  {BLOB}",
    "anchor": f"secured: &blob {BLOB}",
    "list": f"secured:\n  - {BLOB}",
    "list-of-short-lines": "secured:\n- "
    + "\n- ".join(BLOB[at : at + 8] for at in range(0, 48, 8)),
    "flow-list": f"secured: [{BLOB[:16]}, {BLOB[16:32]}]",
    "mapping": f"secured:\n  data: {BLOB}",
    "short-lines": "secured: |\n  " + "\n  ".join(BLOB[at : at + 8] for at in range(0, 48, 8)),
    "blank-lines": f"secured:\n\n\n{BLOB}",
    "letters-only": "secured: QWxhZGRpbkFsYWRkaW5BbGFkZGlu",
    "small-letters-only": "secured: abcdefghijklmnopqrstuvwx",
    "padded": "secured: QUJDREVGR0hJSktMTU5PUA==",
    "in-the-alphabet-for-urls": "secured: wmN1X-kAeqeL_74hJ-UdxFhx_pbSYo",
    "citation": f"> secured: {BLOB}",
    "item": f"* secured: {BLOB}",
    "numbered": f"1. secured: {BLOB}",
    "heading": f"# secured: {BLOB}",
    "bold": f"**secured:** {BLOB}",
    "code": f"`secured: {BLOB}`",
    "fence": f"```\nsecured: {BLOB}\n```",
    "in-the-midst": f"Here it is, secured: {BLOB}",
    "question-mark": f"? secured\n: {BLOB}",
    "invisible-in-the-midst": f"secured: {BLOB[:14]}\ufeff{BLOB[14:28]}",
    "line-in-the-midst": f"secured: {BLOB[:6]}\n...\n{BLOB[6:26]}",
}


@pytest.mark.parametrize("body", _BODIES.values(), ids=_BODIES)
@pytest.mark.parametrize("before", ["", "Text.\n\n", "excerpt: x\n---\n"])
def test_body_has_a_secret_where_base64_follows(body: str, before: str) -> None:
    ((line, _, is_plain),) = _found("a: b\n---\n", before + body)
    assert (line, is_plain) == (3 + before.count("\n") + body.startswith("```"), False)


@pytest.mark.parametrize(
    "body",
    [
        "secured: x",
        '\n"secured" : x\n',
        "The deal secured: a win. Nothing is secured.",
        "secured: five million dollars and twenty-two thousand euros",
        "secured:\n\n- Housing\n- Transportation\n- Telecommunications\n",
        "secured:\n=============================\n",
        "secured:\n-----------------------------\n",
        "| secured: | not |\n| --- | ------------------------------ |\n",
        "Secured: see https://example.com/Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8",
        f"Nothing is secured. {BLOB}",
        "What was secured: internationally-acknowledged-representatives",
        "secured: ////////////////////////////////",
        "**Secured:** $5 million, led by PricewaterhouseCoopers.",
        "- Secured: 5 million\n- Buyer: MicroStrategy",
        "Secured: a deal between BioNTech/Pfizer and others",
        "Secured: see [report](/files/AnnualReport2026.pdf), or /News/2026/FundingRound",
    ],
)
def test_body_may_speak_of_secured_things(body: str) -> None:
    assert _found("a: b\n---\n", body) == []


_HOSTILE = {
    "blanks": "secured:" + " " * _LENGTH,
    "blanks-before-the-colon": ("secured" + " " * 1000) * 1000,
    "keys": "secured:" * (_LENGTH // 8),
    "keys-in-lines": "x secured:\n" * (_LENGTH // 11),
    "keys-in-odd-lines": "\x85secured: a" * (_LENGTH // 12),
    "keys-of-mappings": "xsecured: " * (_LENGTH // 10),
    "comments": "x secured: # " * (_LENGTH // 13),
    "signs": ("x secured:" + "#" * 200) * (_LENGTH // 210),
    "tags": "x !secured: " * (_LENGTH // 12),
    "brackets": ("x secured:" + "[" * 500) * (_LENGTH // 510),
    "base64-without-end": "x secured: " + "A" * _LENGTH,
    "base64-that-is-too-short": ("x secured: " + "A" * 23 + " ") * (_LENGTH // 35),
    "base64-with-gaps": ("x secured:\nA" + "\n" * 500 + "B" + "\n" * 500) * (_LENGTH // 1010),
    "fences": "---\n" * (_LENGTH // 4) + "secured:",
    "dashes": "x secured: " + "-" * _LENGTH,
    "quotes": 'x secured: "' * (_LENGTH // 12),
    "capitals-of-two-letters": "İsecured: " * (_LENGTH // 11),
}


@pytest.mark.parametrize("text", _HOSTILE.values(), ids=_HOSTILE)
def test_search_takes_time_linear_in_the_length(text: str) -> None:
    # Each of these takes a fraction of a second; what is quadratic takes minutes.
    began = time.process_time()
    for body_at in (0, len(text)):
        list(islice(find_secrets(text, body_at), 2))
    tells_secret(text.encode())
    assert time.process_time() - began < 10


@given(st.lists(st.sampled_from(["secured", ":", "\n", " ", "-", "A1", "é", "\x85", "#", "'"])))
def test_any_text_is_searched(pieces: list[str]) -> None:
    text = "".join(pieces)
    places = [(one.line, one.column) for one in find_secrets(text, len(text) // 2)]
    assert places == sorted(places)
