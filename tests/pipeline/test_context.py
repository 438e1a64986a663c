"""What a pass begins with: its time, its templates, its engine, and the key of its inputs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feeds.common import child_process
from feeds.common.reports import NO_CALLBACKS, Options
from feeds.pipeline import context
from feeds.pipeline.context import Pass, begin_pass, config_key, engine_of
from feeds.pipeline.early_start import WORKER_MODULES
from feeds.store import Store
from tests.support.site import Site, config_of
from tests.support.spying import spy

THEN = datetime(2026, 2, 1, 0, 0, 1, 999_999, tzinfo=UTC)
TEMPLATES = (("layout.html", "text"),)


def begun(store: Store, site: Site) -> Pass:
    return begin_pass(store, site.load(), Options(), NO_CALLBACKS, lambda: THEN)


def test_pass_has_one_time_in_whole_seconds(store: Store, site: Site) -> None:
    run = begun(store, site)
    assert (run.started, run.now) == (THEN, 1_769_904_001)
    assert (run.out, run.base, run.config) == (site.out, site.root, run.loaded.config)


@pytest.mark.parametrize("pages", ["true", "false"])
def test_pass_reads_templates_if_there_are_pages(store: Store, site: Site, pages: str) -> None:
    (site.root / "mine").mkdir()
    (site.root / "mine/layout.html").write_text("text")
    site.configure(f'pages = {pages}\n[paths]\ntemplates = "mine"\n')
    run = begun(store, site)
    assert run.templates == (TEMPLATES if pages == "true" else ())
    assert run.key == config_key(run.config, run.templates)


def test_key_is_the_same_for_the_same_inputs() -> None:
    assert config_key(config_of(), TEMPLATES) == config_key(config_of(), TEMPLATES)


@pytest.mark.parametrize("name", ["__version__", "SELECTION_VERSION", "RENDER_VERSION"])
def test_key_changes_with_each_version(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = config_key(config_of(), ())
    monkeypatch.setattr(context, name, "other")
    assert config_key(config_of(), ()) != before


def test_key_changes_with_configuration_templates_and_how_copies_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = {
        config_key(config_of(), ()),
        config_key(config_of("[selection]\nmax_items = 7"), ()),
        config_key(config_of(), TEMPLATES),
        config_key(config_of(), (("layout.html", "other"),)),
        config_key(config_of(), (("other.html", "text"),)),
        config_key(config_of(), (("layout.html", "\udcff"),)),
    }
    monkeypatch.setattr(context, "copy_recipe", lambda: "other")
    keys.add(config_key(config_of(), ()))
    assert len(keys) == 7


def test_pass_without_a_cluster_prepares_processes(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = spy(monkeypatch, child_process, "preload")
    run = begun(store, site)
    assert (run.cluster, prepared) == (None, [])
    assert engine_of(run, "seeds") is None
    assert prepared == [WORKER_MODULES]
