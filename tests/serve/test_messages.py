"""The answers that are the same for everybody."""

from __future__ import annotations

import pytest

from feeds.serve import messages
from feeds.serve.messages import Answer, moved

NOSNIFF = {"x-content-type-options": "nosniff", "content-type": "text/plain; charset=utf-8"}


@pytest.mark.parametrize(
    ("answer", "status", "headers"),
    [
        (messages.NOT_FOUND, 404, {"cache-control": "public, max-age=60", "vary": "Accept"}),
        (messages.NO_IMAGE, 404, {"cache-control": "no-store"}),
        (
            messages.GONE,
            410,
            {"cache-control": "public, max-age=60", "access-control-allow-origin": "*"},
        ),
        (messages.BAD_HOST, 400, {}),
        (
            messages.PRECONDITION_FAILED,
            412,
            {"cache-control": "no-store", "access-control-allow-origin": "*"},
        ),
        (messages.WRONG_METHOD, 405, {"allow": "GET, HEAD, OPTIONS"}),
        (messages.URI_TOO_LONG, 414, {}),
        (messages.NOT_ACCEPTABLE, 406, {"vary": "Accept-Encoding"}),
        (messages.BUSY, 503, {"retry-after": "5"}),
        (messages.BROKEN, 500, {}),
        (
            moved("../a.atom"),
            301,
            {
                "location": "../a.atom",
                "cache-control": "public, max-age=3600",
                "access-control-allow-origin": "*",
            },
        ),
    ],
)
def test_answers_of_one_line_have_their_status_and_headers(
    answer: Answer, status: int, headers: dict[str, str]
) -> None:
    assert (answer.status, dict(answer.headers)) == (status, NOSNIFF | headers)
    assert answer.body.count(b"\n") == 1
    assert answer.size == len(answer.body)


def test_answer_to_options_says_what_scripts_of_other_sites_may_send() -> None:
    assert (messages.OPTIONS.status, messages.OPTIONS.body) == (204, b"")
    assert dict(messages.OPTIONS.headers) == {
        "allow": "GET, HEAD, OPTIONS",
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, HEAD",
        "access-control-allow-headers": (
            "A-IM, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since"
        ),
        "access-control-max-age": "86400",
    }
