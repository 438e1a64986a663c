"""One delivery to one hub: tells it of all that is due, and notes its answers in the store."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from feeds import __version__
from feeds.common.interrupts import run_coroutine
from feeds.common.store_protocols import HUBS_MOVED, HubStore, Ping, count, pings_to
from feeds.common.times import LONGEST_REST, to_unix
from feeds.common.urls import hide_secrets, shown_url
from feeds.publish.websub import (
    ANSWER_SECONDS,
    AT_ONCE,
    GIVE_UP_DAYS,
    MAX_ANSWER_BYTES,
    HubAnswer,
    classify,
    moved_to,
    next_wait,
)

if TYPE_CHECKING:
    import httpx

# What each answer is counted as; a failed ping is sent again, a lost one is not.
_RESULTS = {"taken": "sent", "refused": "lost", "failed": "failed", "away": "failed"}


class Delivery(msgspec.Struct, frozen=True):
    """The result of a delivery.

    The hub took `sent` pings, `pending` are left, and the first of them is due at `next_try` (in
    seconds since 1970). `losses` has a line for each reason why pings were given up; `error` is why
    the pending ones failed, with a traceback in `details` if that is a fault of ours. `moved` is
    the hub's new address, if it named one. No text but `hub` shows credentials.
    """

    hub: str
    sent: int = 0
    pending: int = 0
    next_try: int | None = None
    losses: tuple[str, ...] = ()
    error: str = ""
    details: str = ""
    moved: str = ""


def deliver(store: HubStore, hub: str, home: str, seconds: float) -> Delivery:
    """Tells a hub of all that is due; the pings that it does not take stay in the store.

    Args:
        store: holds the pings; it is written between the requests.
        hub: the address of the hub, as configured.
        home: the address of the site, by which the hub can find out who calls.
        seconds: no request begins after this time, nor takes longer than that.

    Raises:
        StateError: the state file cannot be written.
        DamagedStateError: it cannot be used.
    """
    lost, address = _Lost(), _Address(hub)
    _give_up(store, hub, lost)
    sent = 0
    if _due(store, hub, 0):
        sent = run_coroutine(partial(_send, store, address, home, seconds, lost))
        if address.moved or sent:
            _note_move(store, shown_url(hub), shown_url(address.moved))
    left = next((one for one in store.hub_reports() if one.hub == hub), None)
    over = Delivery(hub, sent, losses=lost.lines(), moved=shown_url(address.moved))
    if left is None:
        return over
    return msgspec.structs.replace(
        over, pending=left.pending, next_try=to_unix(left.next_try), error=left.shown().error
    )


class _Address:
    """Where a hub is: as configured, until it says that it has moved."""

    def __init__(self, hub: str) -> None:
        self.hub = hub
        self.moved = ""


class _Lost:
    """The documents whose pings were given up, by the reason: often one for all of them."""

    def __init__(self) -> None:
        self._urls: dict[str, list[str]] = {}

    def add(self, url: str, reason: str) -> None:
        """Adds a document."""
        self._urls.setdefault(reason, []).append(url)

    def lines(self) -> tuple[str, ...]:
        """Returns a line for each reason, with the first document."""
        return tuple(
            f"{urls[0]}{f' and {len(urls) - 1} more' if len(urls) > 1 else ''}: {reason}"
            for reason, urls in self._urls.items()
        )


async def _send(store: HubStore, address: _Address, home: str, seconds: float, lost: _Lost) -> int:
    """Returns how many pings the hub has taken."""
    import httpx  # costs 100 ms, and most deliveries have nothing to send

    sent, last, hub = 0, 0, address.hub
    deadline, patience = time.monotonic() + seconds, min(seconds, ANSWER_SECONDS)
    headers = {"user-agent": f"feeds/{__version__} (+{home})", "accept-encoding": "identity"}
    # The bound on a whole request is set in `_ask`: httpx bounds each of its steps.
    async with httpx.AsyncClient(headers=headers, timeout=2 * patience) as client:
        while time.monotonic() < deadline and (due := _due(store, hub, last)):
            asked = [_ask(client, address, ping.url, patience) for ping in due]
            answers = await asyncio.gather(*asked)
            _note(store, hub, due, answers)
            for ping, answer in zip(due, answers, strict=True):
                sent += answer.kind == "taken"
                if answer.kind == "refused":
                    lost.add(ping.url, answer.words)
            last = due[-1].number
    return sent


async def _ask(
    client: httpx.AsyncClient, address: _Address, url: str, patience: float
) -> HubAnswer:
    """Returns the hub's answer; follows the hub if it says that it has moved."""
    from httpx import HTTPError, InvalidURL

    at, until = address.moved or address.hub, asyncio.get_running_loop().time() + patience
    try:
        response, body = await _post(client, at, url, until)
        moved = moved_to(response.status_code, response.headers, at)
        if moved and at == address.hub:
            address.moved = moved
            response, body = await _post(client, moved, url, until)
    except TimeoutError:
        return HubAnswer("away", f"no answer within {patience:g} s")
    except (HTTPError, InvalidURL, OSError, ValueError) as error:
        words = hide_secrets(_reason(error), at)
        return HubAnswer("away", hide_secrets(words, address.moved))
    answer = classify(response.status_code, response.headers, body, _now())
    words = hide_secrets(answer.words, at)
    return answer._replace(words=hide_secrets(words, address.moved))


async def _post(
    client: httpx.AsyncClient, at: str, url: str, until: float
) -> tuple[httpx.Response, bytes]:
    """Returns an answer and the beginning of its text, which may be cut off at any place."""
    from httpx import HTTPError

    form = {"hub.mode": "publish", "hub.url": url, "hub.topic": url}
    response: httpx.Response | None = None
    body = b""
    try:
        async with asyncio.timeout_at(until), client.stream("POST", at, data=form) as response:
            async for part in response.aiter_raw():
                body += part
                if len(body) >= MAX_ANSWER_BYTES:
                    break
    except (HTTPError, OSError, TimeoutError):
        if response is None:
            raise
    return response, body[:MAX_ANSWER_BYTES]


def _note(store: HubStore, hub: str, due: Sequence[Ping], answers: Sequence[HubAnswer]) -> None:
    now = _now()
    with store.transaction():
        count(store, pings_to(hub), (_RESULTS[answer.kind] for answer in answers))
        for ping, answer in zip(due, answers, strict=True):
            if answer.kind in {"taken", "refused"}:
                store.drop_ping(ping.number)
            elif answer.kind == "failed":
                wait = next_wait(ping.failures + 1, answer.wait)
                store.put_off_ping(ping.number, now + wait, answer.words)
        away = [answer for answer in answers if answer.kind == "away"]
        if len(away) < len(answers):
            store.reset_hub(hub)
        if away:
            failures, _ = store.rest_of(hub)
            asked = max((answer.wait or 0 for answer in away), default=0)
            store.back_off(hub, now + next_wait(failures + 1, asked), away[0].words)


def _note_move(store: HubStore, hub: str, to: str) -> None:
    """Notes the address that a hub has moved to, "" if it is as configured."""
    known = store.get_meta(HUBS_MOVED) or {}
    if known.get(hub, "") != to:
        others = {other: place for other, place in known.items() if other != hub}
        with store.transaction():
            store.set_meta(HUBS_MOVED, others | ({hub: to} if to else {}))


def _due(store: HubStore, hub: str, last: int) -> Sequence[Ping]:
    """Returns the next few pings after the number `last`, none while the hub rests."""
    now = _now()
    _, until = store.rest_of(hub)
    # Nothing is put off for longer than this: a later time was set by a clock that was wrong.
    far = now + LONGEST_REST
    return [] if now < until <= far else store.due_pings(hub, now, far, last, AT_ONCE)


def _give_up(store: HubStore, hub: str, lost: _Lost) -> None:
    old = store.old_pings(hub, _now() - GIVE_UP_DAYS * 24 * 3600)
    if old:  # otherwise a delivery that begins while a pass writes would have to wait for it
        with store.transaction():
            count(store, pings_to(hub), ("lost" for _ in old))
            for ping in old:
                store.drop_ping(ping.number)
    for ping in old:
        lost.add(ping.url, f"it took no ping for {GIVE_UP_DAYS} days")


def _reason(error: BaseException | None) -> str:
    """Returns what the system says, which httpx wraps in errors of its own."""
    outer = error
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            known = error.errno in errno.errorcode  # asyncio has words of its own for these
            return os.strerror(error.errno) if error.errno and known else error.strerror
        error = error.__cause__ or error.__context__
    return str(outer) or type(outer).__name__


def _now() -> int:
    return int(time.time())
