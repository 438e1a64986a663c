"""publish.precompress: what copies hold, when they are made, and when they go."""

from __future__ import annotations

import gzip
import signal
from pathlib import Path

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.common.child_process import fork_context
from feeds.common.errors import PublishError
from feeds.common.reports import Options
from feeds.publish import read_manifest
from feeds.publish.compression import COPIES, LEVELS, compress, copies_of, is_copy
from tests.support.publishing import publish, publish_and_die
from tests.support.site import Site

ON = "[publish]\nprecompress = true\n"


@pytest.fixture
def site(site: Site) -> Site:
    """A site of two seeds whose documents are compressed."""
    site.configure(ON)
    site.seed("a.txt", number=1, body="Word for word. " * 50)
    site.seed("b.txt", number=2, topics=["Rust"])
    return site


def unpacked(out: Path, name: str) -> bytes:
    """Returns what a reader makes of a copy."""
    data = (out / name).read_bytes()
    return bytes(brotli.decompress(data)) if name.endswith(".br") else gzip.decompress(data)


def site_copies(site: Site) -> dict[str, tuple[bytes, int]]:
    return {name: one for name, one in site.tree().items() if is_copy(name)}


def originals(site: Site) -> list[str]:
    """Returns the documents that are no copy of another."""
    return [name for name in site.documents() if not is_copy(name)]


def assert_copies_are_true(out: Path, texts: list[str]) -> None:
    """Every text has the copies that are smaller, with content and mtime; nothing else has any."""
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*.[gb][zr]"))
    wanted = {
        text: [
            copy
            for copy, coding in copies_of(text).items()
            if len(compress(coding, (out / text).read_bytes())) < (out / text).stat().st_size
        ]
        for text in texts
    }
    assert names == sorted(copy for copies in wanted.values() for copy in copies)
    for text, copies in wanted.items():
        for copy in copies:
            assert unpacked(out, copy) == (out / text).read_bytes()
            assert (out / copy).stat().st_mtime_ns == (out / text).stat().st_mtime_ns
            assert (out / copy).stat().st_size < (out / text).stat().st_size


@given(data=st.text(max_size=300).map(lambda text: text * 5))
def test_copies_give_back_the_bytes_or_are_not_made(tmp_path: Path, data: str) -> None:
    publish(tmp_path, {"a.atom": data}, precompress=True)
    text = (tmp_path / "a.atom").read_bytes()
    for copy in copies_of("a.atom"):
        if (tmp_path / copy).exists():
            assert unpacked(tmp_path, copy) == text
            assert (tmp_path / copy).stat().st_size < len(text)


def test_copies_that_would_not_be_smaller_are_not_made(tmp_path: Path) -> None:
    publish(tmp_path, {"a.atom": "x", "b.atom": "x" * 999}, precompress=True)
    assert read_manifest(tmp_path).files == ("a.atom", "b.atom", "b.atom.br", "b.atom.gz")
    publish(tmp_path, {"a.atom": "x", "b.atom": "x"}, precompress=True)
    assert read_manifest(tmp_path).files == ("a.atom", "b.atom")
    assert sorted(path.name for path in tmp_path.glob("*.atom*")) == ["a.atom", "b.atom"]


def test_copies_are_beside_every_document(site: Site) -> None:
    report = site.publish()
    assert sorted(report.written) == sorted(originals(site))
    assert not any(map(is_copy, report.written))
    assert_copies_are_true(site.out, report.written)


def test_copies_are_made_anew_with_their_document_only(site: Site) -> None:
    site.publish()
    before = site_copies(site)
    assert site.publish().unchanged == len(originals(site))
    assert site_copies(site) == before
    site.seed("b.txt", number=2, topics=["Rust"], title="Changed")
    report = site.publish()
    after = site_copies(site)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {copy for text in report.written for copy in copies_of(text)}
    assert changed < set(after)
    assert_copies_are_true(site.out, list(site.documents().keys() - after.keys()))


@pytest.mark.parametrize(("coding", "suffix"), [("br", ".br"), ("gzip", ".gz")])
def test_copies_of_another_level_are_made_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, coding: str, suffix: str
) -> None:
    site.publish()
    before = site.tree()
    monkeypatch.setitem(LEVELS, coding, 1)
    report = site.publish()
    after = site.tree()
    assert (report.written, report.unchanged) == ([], len(originals(site)))
    assert site.documents() == site.fresh()
    changed = {Path(one).suffix for one in site.documents() if after[one] != before[one]}
    assert changed == {suffix}
    assert_copies_are_true(site.out, originals(site))
    site.publish()
    assert site.tree() == after


def test_copies_of_another_kind_come_and_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.publish()
    with monkeypatch.context() as patch:
        patch.delitem(COPIES, ".br")
        site.publish()
        assert not list(site.out.rglob("*.br"))
    site.publish()
    assert_copies_are_true(site.out, originals(site))


def test_copies_go_with_their_document(site: Site) -> None:
    site.publish()
    (site.seeds / "b.txt").unlink()
    report = site.publish()
    assert report.removed == [f"topics/rust.{kind}" for kind in ("atom", "html", "json", "rss")]
    assert not (site.out / "topics/rust.atom.gz").exists()
    assert_copies_are_true(site.out, originals(site))


def test_copies_come_and_go_with_the_option(site: Site) -> None:
    site.configure("")
    site.publish()
    before = {name: site.tree()[name] for name in site.documents()}
    site.configure(ON)
    report = site.publish()
    assert (report.written, report.unchanged) == ([], len(originals(site)))
    assert_copies_are_true(site.out, list(before))
    site.configure("")
    assert site.publish().removed == []
    assert {name: site.tree()[name] for name in site.documents()} == before


def test_copies_are_the_same_in_every_run(site: Site) -> None:
    site.publish()
    assert site.fresh() == site.documents()


@pytest.mark.parametrize("name", ["all.atom.gz", "feeds.opml.br"])
def test_copies_that_were_lost_or_spoilt_are_made_again(site: Site, name: str) -> None:
    site.publish()
    before = site.documents()
    (site.out / name).unlink()
    (site.out / "all.rss.gz").write_bytes(b"spoilt")
    site.publish()
    assert site.documents() == before


def test_copies_of_a_lost_state_file_are_left_alone(site: Site) -> None:
    site.publish()
    before = site.tree()
    site.state.unlink()
    site.publish()
    assert site.tree() == before


def test_copies_are_not_made_in_a_dry_run(site: Site) -> None:
    site.publish(options=Options(dry_run=True))
    assert not site.out.exists()


def test_copies_never_overwrite_what_is_not_ours(site: Site) -> None:
    site.out.mkdir()
    (site.out / "all.atom.gz").write_bytes(b"mine")
    with pytest.raises(PublishError, match=r"all\.atom\.gz is in the way"):
        site.publish()
    assert site.documents() == {"all.atom.gz": b"mine"}


def test_copies_are_true_again_after_a_kill_at_any_step(tmp_path: Path) -> None:
    old = {name: f"old {name} " * 99 for name in ("all.atom", "gone.atom")}
    new = {name: f"new {name} " * 99 for name in ("all.atom", "c/c.atom")}
    # Not multiprocessing's own: the server that all later tests fork from must block signals.
    context = fork_context(["tests.support.publishing"])
    step, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        step += 1
        out = tmp_path / f"{step}"
        publish(out, old, precompress=True)
        process = context.Process(
            target=publish_and_die, args=(out, new, step), kwargs={"precompress": True}
        )
        process.start()
        process.join()
        code = process.exitcode or 0
        for path in out.rglob("[!.]*.gz"):
            name = str(path.relative_to(out))
            whole = unpacked(out, name).decode()
            assert whole in {texts.get(name.removesuffix(".gz")) for texts in (old, new)}
        publish(out, new, precompress=True)
        assert_copies_are_true(out, list(new))
    assert code == 0
    assert step > 20
