"""What an examination finds, for `feeds doctor`: each with what to do about it."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["ok", "warning", "error"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: `subject` in a word or two, what is so, and what to do.

    `advice` is "" if all is well.
    """

    severity: Severity
    subject: str
    text: str
    advice: str = ""


def good(subject: str, text: str) -> Finding:
    """Returns that something is as it should be."""
    return Finding("ok", subject, text)


def odd(subject: str, text: str, advice: str) -> Finding:
    """Returns that something works, and could be better for some."""
    return Finding("warning", subject, text, advice)


def bad(subject: str, text: str, advice: str) -> Finding:
    """Returns that something does not work."""
    return Finding("error", subject, text, advice)
