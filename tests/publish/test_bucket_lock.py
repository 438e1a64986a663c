"""The claim on a prefix: one publisher at a time, whatever clocks say."""

from __future__ import annotations

import time
from itertools import count

import msgspec
import pytest

from feeds.common.buckets import Objects
from feeds.common.errors import BusyError, ObjectsError, PublishError
from feeds.publish import bucket_lock
from feeds.publish.bucket_lock import Claim, Holder, ObjectsManifest
from feeds.publish.manifest import MANIFEST
from tests.support.failing_buckets import CARELESS, SLOW_DOWN, Buckets
from tests.support.processes import PATIENCE

ADDRESS = "s3://news/site/"


@pytest.fixture
def objects(buckets: Buckets) -> Objects:
    del buckets
    return Objects(ADDRESS, patience_s=0.1)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has claims end after two seconds, and be renewed often within that."""
    monkeypatch.setattr(bucket_lock, "EXPIRY_S", 2.0)
    monkeypatch.setattr(bucket_lock, "RENEW_S", 0.1)


def manifest(objects: Objects) -> ObjectsManifest:
    return msgspec.json.decode(objects.get(MANIFEST)[0], type=ObjectsManifest)


def left_by(objects: Objects, publisher: str, expires: str) -> None:
    """Leaves the claim of a publisher that was killed."""
    holder = Holder(publisher, "run", "process 1 on another machine", expires)
    objects.put(MANIFEST, msgspec.json.encode(ObjectsManifest("run", 7, claim=holder)))


def test_claim_stands_in_the_manifest_until_it_is_released(objects: Objects) -> None:
    with Claim(objects, "a", 3) as one:
        assert one.take("", 0, pytest.fail) == ObjectsManifest()
        found = manifest(objects)
        assert (found.items, found.unfinished, found.claim and found.claim.publisher) == (
            0,
            True,
            "a",
        )
        etag = one.release()
    left = manifest(objects)
    assert (left.items, left.unfinished, left.claim) == (3, False, None)
    with Claim(objects, "a", 4) as one:
        assert one.take(etag, 0, pytest.fail) is None
        assert not one.has_taken_over


def test_claim_finds_what_another_left_in_between(objects: Objects) -> None:
    etags = [""]
    for number, publisher in enumerate("aba", 1):
        with Claim(objects, publisher, number) as one:
            before = one.take(etags[-2] if number == 3 else "", 0, pytest.fail)
            assert before is not None
            assert before.items == number - 1
            etags.append(one.release())


def watch(one: Claim) -> None:
    """Checks a claim again and again."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        one.check()
        time.sleep(0.05)


@pytest.mark.parametrize("expires", ["2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_claim_of_another_is_waited_for_whatever_time_stands_in_it(
    objects: Objects, expires: str, hurried: None
) -> None:
    del hurried
    left_by(objects, "b", expires)
    warned: list[str] = []
    with pytest.raises(BusyError, match=r"^process 1 on another machine is publishing to s3:"):
        Claim(objects, "a", 3).take("", 0.3, warned.append)
    assert warned == [f"waiting for process 1 on another machine, which publishes to {ADDRESS}"]
    start = time.monotonic()
    with Claim(objects, "a", 3) as one:
        before = one.take("", 60, warned.append)
        assert time.monotonic() - start >= 2
        assert before is not None
        assert before.items == 7
        assert one.has_taken_over


def test_claim_that_is_renewed_is_not_taken_over(objects: Objects, hurried: None) -> None:
    del hurried
    with Claim(objects, "a", 3) as one:
        one.take("", 0, pytest.fail)
        with pytest.raises(BusyError):
            Claim(objects, "b", 3).take("", 3.0, lambda _: None)
        one.check()
        one.release()


def test_claim_that_the_same_publisher_left_is_taken_at_once(objects: Objects) -> None:
    left_by(objects, "a", "2999-01-01T00:00:00Z")
    with Claim(objects, "a", 3) as one:
        assert one.take("", 0, pytest.fail)
        assert one.has_taken_over


def test_claim_that_was_taken_over_holds_no_more(objects: Objects) -> None:
    with Claim(objects, "a", 3) as one:
        one.take("", 0, pytest.fail)
        left_by(objects, "b", "")
        for call in (one.renew, one.check, one.release):
            with pytest.raises(PublishError, match=r"^process 1 on another machine publishes to"):
                call()


def test_claim_that_was_taken_over_is_not_taken_back(objects: Objects, buckets: Buckets) -> None:
    with Claim(objects, "a", 3) as one:
        one.take("", 0, pytest.fail)
        left_by(objects, "b", "")
        gets = count()
        buckets.fault = lambda method, *_: SLOW_DOWN if method == "GET" and next(gets) else None
        with pytest.raises(ObjectsError):  # it is lost, and then it is not known who has it
            one.renew()
        buckets.fault = lambda *_: None
        with pytest.raises(PublishError):
            one.renew()
    found = manifest(objects).claim
    assert found is not None
    assert found.publisher == "b"


def test_claim_that_cannot_be_renewed_holds_no_more(
    objects: Objects, buckets: Buckets, hurried: None
) -> None:
    del hurried
    with Claim(objects, "a", 3) as one:
        one.take("", 0, pytest.fail)
        buckets.fault = lambda *_: SLOW_DOWN
        with pytest.raises(PublishError, match="could not be renewed in time"):
            watch(one)
        with pytest.raises((PublishError, ObjectsError)):
            one.renew()


def test_claim_on_a_damaged_manifest_is_refused(objects: Objects) -> None:
    objects.put(MANIFEST, b"[]")
    with pytest.raises(PublishError, match=r"s3://news/site/\.feeds-manifest\.json is damaged"):
        Claim(objects, "a", 3).take("", 0, pytest.fail)


def test_claim_is_not_made_where_conditions_are_not_read(
    objects: Objects, buckets: Buckets
) -> None:
    buckets.fault = lambda *_: CARELESS
    with pytest.raises(PublishError, match=r"the server of s3://news/site/ knows no conditional"):
        Claim(objects, "a", 3).take("", 0, pytest.fail)
    assert manifest(objects) == ObjectsManifest()
