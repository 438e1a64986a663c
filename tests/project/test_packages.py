"""What the source distribution and the wheel hold, and that the wheel works by itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePath

import pytest

import feeds
from tests.support.markdown import ROOT
from tests.support.permissions import open_folder

pytestmark = pytest.mark.process

# What setuptools adds to a source distribution, beside its own folder.
ADDED = {"PKG-INFO", "setup.cfg"}


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Runs a Python module or file, and returns what it prints."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=variables | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout + done.stderr
    failed = re.findall(r"(?m)^(?:FAILED|ERROR) .*", told)  # pytest's, at its very end
    assert done.returncode == 0, "\n".join([*failed, told])
    return done.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds both, the wheel from the source distribution, away from what builds leave behind."""
    folder = tmp_path_factory.mktemp("packages")
    for path in files():
        copy = folder / "source" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / path).read_bytes())
    built = folder / "built"
    run("-m", "build", "--no-isolation", "--outdir", str(built), ".", cwd=folder / "source")
    return built


def files() -> set[str]:
    """Returns the files that the source distribution has to hold: all that git knows or would add.

    A file that git does not know at the top of the checkout, as a log, is not the project's. In an
    unpacked source distribution, which has no git, they are those that it lists.
    """
    if (ROOT / ".git").exists():
        names = [*_listed("--cached"), *_listed("--others", "--exclude-standard", "--", "*/*")]
    else:
        names = (ROOT / "feeds.egg-info/SOURCES.txt").read_text(encoding="utf-8").splitlines()
    there = {name for name in names if (ROOT / name).is_file() and ".egg-info/" not in name}
    return there - ADDED


def _listed(*options: str) -> list[str]:
    """Returns the paths of files as git lists them."""
    command = ["git", "ls-files", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_source_distribution_holds_everything_that_its_tests_need(packages: Path) -> None:
    (sdist,) = packages.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {str(PurePath(*PurePath(one.name).parts[1:])) for one in archive if one.isfile()}
    assert files() - names == set()
    extra = {name for name in names - files() if ".egg-info" not in name}
    assert extra <= ADDED


@pytest.mark.timeout(4 * 3600)  # all of them one after the other, on a machine that does much else
@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(
            [
                *("golden", "project/test_docs.py", "project/test_shape.py"),
                "cli/test_new_init.py",  # which gives up the rights of root
            ],
            id="some",
        ),
        pytest.param([""], id="all"),
    ],
)
def test_source_distribution_passes_its_own_tests(chosen: list[str], packages: Path) -> None:
    (sdist,) = packages.glob("*.tar.gz")
    with open_folder() as folder:
        shutil.unpack_archive(sdist, folder, filter="data")
        (root,) = folder.iterdir()
        command = ("-m", "pytest", "-n0", "-m", "not stress and not long")
        printed = run(*command, *(f"tests/{one}" for one in chosen), cwd=root)
    assert "100%" in printed
    assert not re.search(r"failed|error", printed)


def test_wheel_holds_the_package_and_its_licence_only(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = [name for name in names if name.endswith("/METADATA")]
        text = archive.read(metadata).decode()
    package = {name for name in files() if name.startswith("feeds/")}
    assert package == {name for name in names if ".dist-info/" not in name}
    assert "feeds/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert "License-Expression: MIT" in text


def test_packages_pass_the_check_of_an_index(packages: Path) -> None:
    paths = [str(path) for path in sorted(packages.iterdir())]
    assert len(paths) == 2
    run("-m", "twine", "check", "--strict", *paths, cwd=packages)


def test_wheel_works_outside_of_the_checkout(packages: Path, tmp_path: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    library = tmp_path / "library"
    shutil.unpack_archive(wheel, library, "zip")
    path = str(library)
    where = run("-c", "import feeds; print(feeds.__file__)", cwd=tmp_path, PYTHONPATH=path)
    assert Path(where.strip()).parent.parent == library
    run("-m", "feeds", "init", "site", cwd=tmp_path, PYTHONPATH=path)
    printed = run("-m", "feeds", "export", cwd=tmp_path / "site", PYTHONPATH=path)
    assert "1 items" in printed or "1 seeds" in printed
    assert (tmp_path / "site/out/index.html").is_file()
    assert (tmp_path / "site/out/assets/style.css").is_file()
    assert run("-m", "feeds", "check", cwd=tmp_path / "site", PYTHONPATH=path)
    assert "/all.atom" in run("-m", "feeds", "list", cwd=tmp_path / "site", PYTHONPATH=path)
    story = run("-m", "feeds", "explain", "hello.md", cwd=tmp_path / "site", PYTHONPATH=path)
    assert "entry 1 of 1" in story
    assert "--port" in run("-m", "feeds", "serve", "--help", cwd=tmp_path, PYTHONPATH=path)
    version = run("-m", "feeds", "--version", cwd=tmp_path, PYTHONPATH=path)
    assert feeds.__version__ in version


def test_version_of_the_package_is_that_of_the_module() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" in project["dynamic"]
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", feeds.__version__)


def test_description_of_the_package_has_no_link_that_leads_nowhere(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        _, _, description = archive.read(metadata).decode().partition("\n\n")
    assert "Tutorial (`docs/tutorial.md`)" in description
    assert description.rstrip().endswith("are in the source distribution.")
    assert re.findall(r"\]\((?!https://)", description) == []
