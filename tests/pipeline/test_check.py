"""What a check finds: of everything, and of some seeds alone."""

from __future__ import annotations

import os

import pytest

from feeds.common.errors import TemplateError, UnknownSeedError
from feeds.pipeline.check import CheckReport, check, check_files
from tests.support.site import NOW, Site, front_matter, seed_text


def judged(site: Site, *names: str) -> CheckReport:
    """Judges some seeds, named from the folder of the configuration."""
    return check_files(site.load(), dict.fromkeys(names), site.root)


def hints(site: Site) -> list[str]:
    """Returns what a check finds odd in config.toml."""
    return check(site.load()).hints


@pytest.mark.parametrize(
    ("toml", "hint"),
    [
        ("[topics.Robotix]", "no seed has the topic 'Robotix' (did you mean 'Robotics'?)"),
        ("[topics.Gardening]", "no seed has the topic 'Gardening'"),
        ('[providers."exampel.com"]', "no seed has the provider 'exampel.com' (did you mean 'exam"),
        (
            "[[rules]]\ntopic = 'robots'\nprovider = 'example.com'\nexclude = true",
            "no seed has the topic 'robots' (did you mean 'Robotics'?)",
        ),
        (
            "[[rules]]\ntopic = 'robotics'\nprovider = 'x.org'\nexclude = true",
            "no seed has the provider 'x.org'",
        ),
        ("[[feeds]]\nname = 'F'\ntopics = ['Art']", "no seed has the topic 'Art'"),
        ("[[feeds]]\nname = 'F'\nproviders = ['x.org']", "no seed has the provider 'x.org'"),
    ],
)
def test_check_hints_at_names_that_no_seed_has(toml: str, hint: str, site: Site) -> None:
    site.configure(toml)
    site.seed(topics=["Robotics"])
    (found,) = hints(site)
    assert found.startswith(hint)


def test_check_hints_at_nothing_that_seeds_have(site: Site) -> None:
    site.configure(
        '[topics." ai "]\n[providers."Example.com"]\n[[rules]]\ntopic = "AI"\n'
        'provider = "EXAMPLE.com"\nexclude = true\n'
        '[[feeds]]\nname = "F"\ntopics = ["aI"]\nproviders = ["example.com"]'
    )
    site.seed(published=False)
    assert hints(site) == []


def test_check_hints_at_a_language_that_is_not_registered(site: Site) -> None:
    path = site.root / "config.toml"
    for language, hinted in (("en-UK", True), ("en-GB", False)):
        path.write_text(
            f'[site]\nbase_url = "https://feeds.example.org/"\nlanguage = "{language}"\n'
        )
        found = [hint for hint in hints(site) if "site.language" in hint]
        assert bool(found) is hinted


def test_check_hints_at_a_site_without_address(site: Site) -> None:
    site.seed()
    (site.root / "config.toml").write_text("", encoding="utf-8")
    (hint,) = hints(site)
    assert hint.startswith("site.base_url is not set; the feeds say that they are at http://local")


def test_check_of_a_folder_judges_all_seeds_in_it(site: Site) -> None:
    site.seed("2026/a.txt", quality=500)
    site.seed("2026/deep/b.txt", number=2)
    site.seed("2025/c.txt", number=3, quality=500)
    os.mkfifo(site.seeds / "2026/d.txt")
    report = judged(site, "seeds/2026")
    assert (report.seeds, report.items) == (3, 1)
    assert [one.path for one in report.problems] == ["seeds/2026/a.txt", "seeds/2026/d.txt"]
    assert "a named pipe" in report.problems[1].reason


def test_check_of_files_finds_two_of_one_story(site: Site) -> None:
    site.seed()
    site.seed("b.txt")
    (problem,) = judged(site, "seeds/a.txt", "seeds/b.txt").problems
    assert problem.path == "seeds/b.txt"
    assert "a duplicate of seeds/a.txt" in problem.reason


def test_check_of_what_is_no_seed_is_a_problem(site: Site) -> None:
    site.write("picture.png", b"")
    (problem,) = judged(site, "seeds/picture.png").problems
    assert problem.path == "seeds/picture.png"
    assert problem.reason.startswith("not a seed: its name does not end in .txt")


def test_check_of_a_file_that_is_missing_is_refused(site: Site) -> None:
    site.seed("nox.md")
    with pytest.raises(UnknownSeedError) as caught:
        judged(site, "seeds/nix.md")
    assert str(caught.value).startswith("no seed seeds/nix.md: there is no such file or folder")
    assert "nox.md" in str(caught.value)


def test_check_hints_at_a_file_that_no_pass_reads(site: Site) -> None:
    (site.root / "draft.md").write_text(seed_text(front_matter()))
    report = judged(site, "draft.md")
    assert report.hints == ["draft.md is not below paths.seeds, so no pass reads it"]
    assert report.items == 1


def test_check_counts_what_there_is_and_what_was_withdrawn_lately(site: Site) -> None:
    site.configure('withdrawn = "notice"\n')
    site.seed("a.txt", number=1)
    site.seed("b.txt", number=2)
    site.publish()
    (site.seeds / "b.txt").unlink()
    site.publish(NOW)
    site.seed("c.txt", number=3, quality=500)
    report = check(site.load())
    assert (report.seeds, report.items, report.withdrawn) == (2, 1, 1)
    assert [one.path for one in report.problems] == ["seeds/c.txt"]
    assert not report.too_many_feeds


def test_check_says_that_no_pass_can_succeed_with_too_many_feeds(site: Site) -> None:
    site.configure("max_feeds = 2\n")
    site.seed()
    report = check(site.load())
    assert report.too_many_feeds
    assert "max_feeds" in report.hints[-1]


@pytest.mark.parametrize("pages", [True, False], ids=["pages", "no pages"])
def test_check_reads_templates_if_there_are_pages(site: Site, *, pages: bool) -> None:
    site.configure(f'pages = {str(pages).lower()}\n[paths]\ntemplates = "mine"\n')
    (site.root / "mine").mkdir()
    (site.root / "mine/layout.html").write_text("{% block %}")
    if pages:
        with pytest.raises(TemplateError):
            check(site.load())
    else:
        assert check(site.load()).problems == []


def test_check_of_some_seeds_judges_bytes_instead_of_those_of_the_file(site: Site) -> None:
    site.seed()
    bad = seed_text(front_matter(quality=500)).encode()
    report = check_files(site.load(), {"seeds/a.txt": bad, "seeds/b.md": bad}, site.root)
    assert [(one.path, one.field) for one in report.problems] == [
        ("seeds/a.txt", "quality"),
        ("seeds/b.md", "quality"),
    ]


def test_check_of_some_seeds_passes_over_the_configuration(site: Site) -> None:
    assert judged(site, "config.toml") == CheckReport(0, 0, [], [])
