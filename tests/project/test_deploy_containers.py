"""deploy/Dockerfile and compose.yaml: no Docker is needed to see that they fit this project."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from feeds.cli.options import make_parser
from feeds.config import Config
from tests.support.processes import Daemon, wait_until
from tests.support.site import Site

ROOT = Path(__file__).parent.parent.parent
HOME = Path("/srv/feeds")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def instructions() -> list[tuple[str, str]]:
    """Returns the instructions of the Dockerfile with their arguments, in order."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(one.split(maxsplit=1)[0], one.split(maxsplit=1)[1]) for one in joined.splitlines()]


def arguments(name: str) -> list[str]:
    return [argument for instruction, argument in instructions() if instruction == name]


def compose() -> Any:
    """Returns compose.yaml."""
    return yaml.safe_load((ROOT / "deploy/compose.yaml").read_text(encoding="utf-8"))


def mounts(service: str) -> dict[Path, str]:
    """Returns what is mounted in a service, by where."""
    volumes = (one.split(":", 1) for one in compose()["services"][service]["volumes"])
    return {Path(rest.removesuffix(":ro")): source for source, rest in volumes}


# The image


def test_image_is_built_of_files_that_there_are_and_are_not_ignored() -> None:
    ignored = (ROOT / "deploy/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copies = [one.split() for one in arguments("COPY") if not one.startswith("--from")]
    sources = [source for *some, _ in copies for source in some]
    assert sources
    assert all((ROOT / source).exists() for source in sources)
    assert {f"!{source.removeprefix('./')}" for source in sources} <= set(ignored)
    licences = PYPROJECT["project"]["license-files"]
    wanted = {"pyproject.toml", "setup.py", "README.md", "feeds", *licences}
    assert set(sources) == wanted  # what an installation needs


def test_image_has_a_python_that_the_package_takes() -> None:
    images = {one.split()[0] for one in arguments("FROM")}
    (image,) = images  # both stages have the same, or the virtual environment would not run
    version = re.fullmatch(r"python:3\.(\d+)-slim-\w+", image)
    assert version
    assert int(version[1]) >= int(PYPROJECT["project"]["requires-python"].split(".")[1])


def test_image_runs_the_daemon_as_nobody_in_particular() -> None:
    (user,) = arguments("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    names = [instruction for instruction, _ in instructions()]
    assert "RUN" not in names[names.index("USER") :]
    entry = shlex.split(arguments("ENTRYPOINT")[0].strip("[]").replace(",", " "))
    command = shlex.split(arguments("CMD")[-1].strip("[]").replace(",", " "))
    assert entry == ["feeds"]
    assert make_parser().parse_args(command).command == "run"


def test_image_may_write_where_the_daemon_writes() -> None:
    assert arguments("WORKDIR")[-1] == str(HOME)
    made = [one for one in arguments("RUN") if "install -d -o feeds -g feeds" in one]
    paths = Config().paths
    assert {str(HOME / paths.out), str(HOME / paths.state.parent)} < set(made[0].split())


def test_image_has_nothing_that_changes_behind_our_back() -> None:
    text = "\n".join(f"{one} {argument}" for one, argument in instructions())
    assert re.findall("latest|ADD |curl|sudo", text) == []


def is_healthy(site: Site) -> bool:
    """Does what HEALTHCHECK does, on a site of ours."""
    (check,) = arguments("HEALTHCHECK")
    command = check.split("CMD ", 1)[1]
    assert command.startswith("feeds ")
    ran = subprocess.run(
        ["/bin/sh", "-c", command.replace("feeds", f"{sys.executable} -m feeds", 1)],
        cwd=site.root,
        check=False,
        timeout=60,
    )
    return ran.returncode == 0


def test_image_is_healthy_while_a_daemon_runs_that_does_not_fail(site: Site) -> None:
    site.seed()
    assert not is_healthy(site)
    site.configure('[schedule]\nevery = "1s"\n')
    with Daemon(site) as daemon:
        daemon.wait_for("pass")
        wait_until(lambda: is_healthy(site))
        site.seeds.rename(site.root / "away")
        wait_until(lambda: not is_healthy(site))
        assert daemon.stop() == 0
    assert not is_healthy(site)


# The services


def test_compose_mounts_what_the_image_and_nginx_look_for() -> None:
    paths = Config().paths
    inside = mounts("feeds")
    (seeds,) = paths.seeds
    assert set(inside) == {
        HOME / path for path in ("config.toml", seeds, paths.out, paths.state.parent)
    }
    web = mounts("web")
    nginx = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
    assert f"root {HOME / paths.out};" in nginx
    assert web[HOME / paths.out] == inside[HOME / paths.out]
    named = {source for source in (*inside.values(), *web.values()) if source[0] != "."}
    assert named == set(compose()["volumes"])
    for source in {*inside.values(), *web.values()} - named:
        assert (ROOT / "deploy" / source).exists()


def test_compose_builds_from_the_root_of_the_clone() -> None:
    build = compose()["services"]["feeds"]["build"]
    context = (ROOT / "deploy" / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()


@pytest.mark.parametrize("name", ["feeds", "web"])
def test_compose_gives_no_more_rights_than_are_needed(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    writable = [one for one in service["volumes"] if not one.endswith(":ro")]
    assert writable == (
        ["out:/srv/feeds/out", "state:/srv/feeds/.feeds"] if name == "feeds" else []
    )


def test_compose_checks_both_services() -> None:
    services = compose()["services"]
    assert arguments("HEALTHCHECK")
    assert services["web"]["depends_on"] == {"feeds": {"condition": "service_healthy"}}
    assert services["web"]["healthcheck"]["test"][-1].endswith("/all.atom")
