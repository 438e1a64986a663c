"""What is read of the cache: where it is looked, what is decoded, and what becomes of an image."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from feeds.common.files import Fingerprint
from feeds.common.media import CachedImage
from feeds.config import Config
from feeds.images import examine
from feeds.images.cache import give_name, keep_aside
from feeds.images.decode import Prepared
from feeds.images.examine import (
    CacheScope,
    CacheSeen,
    Examined,
    Fault,
    Verdict,
    examine_cache,
    judge,
    look_at,
    settings_of,
)
from feeds.store import Store
from tests.support.imaging import picture
from tests.support.site import config_of

KEYS = [f"{first}{'0' * 31}" for first in "abc"]
NAMES = [f"media/{key[:2]}/{key}.jpg" for key in KEYS]
EVERYWHERE = CacheScope(everywhere=True)
NOW, SEEN = {"a0": 1, "b0": 2}, {"a0": 1, "c0": 3}


def config(cache: Path, images: str = "") -> Config:
    return config_of(f'[paths]\n[images]\ncache = "{cache}"\n{images}')


def drop(cache: Path, number: int, data: bytes) -> Path:
    path = cache / NAMES[number]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def look(store: Store, cache: Path, scope: CacheScope = EVERYWHERE, images: str = "") -> Examined:
    return examine_cache(store, config(cache, images), None, scope, KEYS)


@pytest.mark.parametrize(
    ("seen", "scope", "keys", "folders"),
    [
        pytest.param(SEEN, CacheScope(), [], {"b0", "c0"}, id="came or went"),
        pytest.param({"a0": 9, "b0": 2}, CacheScope(), [], {"a0"}, id="changed"),
        pytest.param(NOW, CacheScope(), ["d0"], {"d0"}, id="of items"),
        pytest.param(SEEN, EVERYWHERE, [], {"a0", "b0", "c0"}, id="everywhere"),
        pytest.param(None, CacheScope(), [], {"a0", "b0"}, id="never seen"),
    ],
)
def test_folders_are_those_in_which_something_may_have_changed(
    seen: dict[str, int] | None, scope: CacheScope, keys: list[str], folders: set[str]
) -> None:
    settings = config(Path("/cache"))
    examined = Examined(settings, scope, 0, NOW, {}, [])
    before = None if seen is None else CacheSeen("/cache", settings_of(settings), seen)
    assert look_at(before, examined, keys)[0] == folders


@pytest.mark.parametrize(
    ("before", "folders"),
    [
        pytest.param(CacheSeen("/cache", "older", SEEN), {"a0", "b0", "c0"}, id="other settings"),
        pytest.param(CacheSeen("/other", "2:0", SEEN), {"a0", "b0"}, id="other cache"),
    ],
)
def test_folders_are_all_if_copies_or_their_place_are_to_be_others(
    before: CacheSeen, folders: set[str]
) -> None:
    settings = config(Path("/cache"), "max_width = 0")
    found, seen = look_at(before, Examined(settings, CacheScope(), 0, NOW, {}, []), [])
    assert (found, seen) == (folders, CacheSeen("/cache", settings_of(settings), {}))


def test_folders_of_a_cache_that_never_was_are_none() -> None:
    examined = Examined(config(Path("/cache")), EVERYWHERE, 0, {}, {}, [])
    assert look_at(None, examined, KEYS)[0] == set()


def test_settings_tell_width_and_metadata() -> None:
    found = [settings_of(config(Path("/cache"), images)) for images in
             ("max_width = 0", "max_width = 9", "max_width = 9\nkeep_metadata = true")]  # fmt: skip
    assert [one.partition(":")[2] for one in found] == ["0", "9", "9+"]
    assert len({one.partition(":")[0] for one in found}) == 1


@pytest.fixture
def known(tmp_path: Path) -> CachedImage:
    """An image with a copy that was fetched."""
    data = picture()
    status = drop(tmp_path, 0, data).stat()
    return CachedImage(
        key=KEYS[0], url="https://a.example/1.jpg", host="a.example", name=NAMES[0],
        length=len(data), digest=hashlib.sha256(data).digest(), mtime_ns=status.st_mtime_ns,
        form=settings_of(config(tmp_path)), etag='"1"', fetched=5, due=9,
    )  # fmt: skip


def verdict(
    image: CachedImage, cache: Path, names: list[str], *, digests: bool = False, fetch: str = "all"
) -> Verdict | None:
    """Judges an image; its file is read where the judge asks for it."""
    settings = config(cache, f'fetch = "{fetch}"')
    examined = Examined(settings, CacheScope(digests=digests), 0, {}, {}, [])
    return judge(
        image, names, examined, lambda name: hashlib.sha256((cache / name).read_bytes()).digest()
    )


def test_copy_that_is_as_it_was_is_not_read(known: CachedImage, tmp_path: Path) -> None:
    examined = Examined(config(tmp_path), CacheScope(), 0, {}, {}, [])
    assert judge(known, NAMES[:1], examined, pytest.fail) is None
    assert verdict(known, tmp_path, NAMES[:1], digests=True) is None


def test_copy_of_another_form_is_made_again(known: CachedImage, tmp_path: Path) -> None:
    older = replace(known, form="1:0")
    assert verdict(older, tmp_path, NAMES[:1]) == Verdict(older, NAMES[0])
    touched = replace(older, mtime_ns=1)
    assert verdict(touched, tmp_path, NAMES[:1]) == Verdict(touched, NAMES[0])


def test_copy_that_was_touched_has_its_new_time(known: CachedImage, tmp_path: Path) -> None:
    assert verdict(replace(known, mtime_ns=1), tmp_path, NAMES[:1]) == Verdict(known)


@pytest.mark.parametrize("take", [[], ["media/a0/other.png"]], ids=["nothing", "another type"])
def test_copy_that_is_missing_is_fetched_or_another_taken(
    known: CachedImage, tmp_path: Path, take: list[str]
) -> None:
    found = verdict(known, tmp_path, take)
    assert found is not None
    assert (found.image.name, found.image.due) == ("", 0)
    assert found.image.reason == "the copy was missing from the cache"
    assert found.take == "".join(take)


@pytest.mark.parametrize(
    ("fetched", "fetch", "reason", "take"),
    [
        pytest.param(5, "all", "the copy was damaged on disk", "", id="fetched"),
        pytest.param(5, "off", "", NAMES[0], id="not to be fetched"),
        pytest.param(0, "all", "", NAMES[0], id="dropped"),
    ],
)
def test_copy_with_other_bytes_is_damaged_if_it_was_fetched_and_can_be_again(
    known: CachedImage, tmp_path: Path, fetched: int, fetch: str, reason: str, take: str
) -> None:
    drop(tmp_path, 0, picture(size=(9, 9)))
    found = verdict(replace(known, fetched=fetched), tmp_path, NAMES[:1], fetch=fetch)
    assert found is not None
    assert (found.image.name, found.image.reason, found.take) == ("", reason, take)


def test_copy_with_other_bytes_of_the_same_time_is_found_by_its_digest_alone(
    known: CachedImage, tmp_path: Path
) -> None:
    other = replace(known, digest=b"other")
    assert verdict(other, tmp_path, NAMES[:1]) is None
    assert verdict(other, tmp_path, NAMES[:1], digests=True) is not None


def test_copy_that_a_killed_fetch_put_there_keeps_no_validators(
    known: CachedImage, tmp_path: Path
) -> None:
    other = picture(size=(9, 9))
    give_name(tmp_path, keep_aside(tmp_path, Prepared(other, "image/jpeg", 9, 9)), NAMES[0])
    found = verdict(known, tmp_path, NAMES[:1])
    assert found == Verdict(replace(known, etag="", modified=""), NAMES[0])


def test_image_without_copy_takes_the_file_that_is_there(tmp_path: Path) -> None:
    image = CachedImage(key=KEYS[0], url="https://a.example/1.jpg")
    assert verdict(image, tmp_path, []) is None
    assert verdict(image, tmp_path, NAMES[:1]) == Verdict(image, NAMES[0])


def test_files_are_read_and_decoded(store: Store, tmp_path: Path) -> None:
    data, cache = picture(), tmp_path / "cache"
    path = drop(cache, 0, data)
    drop(cache, 1, b"no image")
    examined = look(store, cache)
    good, bad = (examined.files[name] for name in NAMES[:2])
    assert (good.fingerprint, good.fault) == (Fingerprint.of(path), "")
    assert good.digest == hashlib.sha256(data).digest()
    assert good.copy is not None
    assert (good.copy.width, good.copy.height, good.copy.type) == (64, 48, "image/jpeg")
    assert (good.copy.file, examined.aside) == (path, [])  # it can stay as it is
    assert bad.copy is None
    assert bad.fault
    assert examined.is_all
    assert examined.times.keys() == {"a0", "b0"}


def test_file_with_a_wrong_extension_is_written_aside_as_what_it_is(
    store: Store, tmp_path: Path
) -> None:
    path = drop(tmp_path, 0, picture("png"))
    examined = look(store, tmp_path)
    copy = examined.files[NAMES[0]].copy
    assert copy is not None
    assert (copy.type, [copy.file]) == ("image/png", examined.aside)
    assert copy.file != path


def test_files_that_could_not_be_used_are_decoded_again_only_when_all_are(
    store: Store, tmp_path: Path
) -> None:
    path = drop(tmp_path, 0, b"no image")
    settings = config(tmp_path)
    known = {NAMES[0]: Fault(Fingerprint.of_status(path.stat()), "known")}
    seen = CacheSeen(str(settings.images.cache), settings_of(settings), {}, known)
    found = examine_cache(store, settings, seen, keys=KEYS)
    assert found.files[NAMES[0]].fault == "known"
    found = examine_cache(store, settings, seen, EVERYWHERE, KEYS)
    assert found.files[NAMES[0]].fault not in ("", "known")
    path.write_bytes(b"still no image")
    found = examine_cache(store, settings, seen, keys=KEYS)
    assert found.files[NAMES[0]].fault not in ("", "known")


def test_files_that_time_does_not_suffice_for_wait(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine, "_PATIENCE_SECONDS", -1.0)
    for number in range(3):
        drop(tmp_path, number, picture())
    examined = look(store, tmp_path)
    assert list(examined.files) == NAMES[:1]
    assert not examined.is_all


@pytest.mark.parametrize("write", [True, False], ids=["pass", "dry run"])
def test_files_that_are_to_change_are_written_aside_if_any_may_be(
    store: Store, tmp_path: Path, *, write: bool
) -> None:
    path = drop(tmp_path, 0, picture(size=(64, 48)))
    before = path.read_bytes()
    scope = CacheScope(write=write, everywhere=True)
    examined = look(store, tmp_path, scope, "max_width = 32")
    copy = examined.files[NAMES[0]].copy
    assert copy is not None
    assert copy.width == 32
    assert [copy.file] == (examined.aside if write else [path])
    assert path.read_bytes() == before
    assert (tmp_path / "tmp").exists() == write


def test_disk_that_cannot_be_read_is_no_fault_of_a_file(store: Store, tmp_path: Path) -> None:
    path = drop(tmp_path, 0, b"")
    path.unlink()
    path.symlink_to("/proc/self/mem")  # whoever reads it has an I/O error
    with pytest.raises(OSError, match="Input/output error"):
        look(store, tmp_path)
