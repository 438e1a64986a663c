"""Write N seeds shaped like the real ones, the same for every run with the same arguments.

The benchmarks need more than the five real seeds, and seeds that cost what real ones cost: 3 to
6 KB of front matter, most of it related stories that are seeds of the same set, with the same keys
in the same order. The text is written directly, not through a YAML library, so that 100,000 seeds
take half a minute.
"""

import argparse
import base64
import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import vocabulary as words
from vocabulary import Provider

MIN_COUNT = 10
MIN_BYTES, MAX_BYTES = 3 * 1024, 6 * 1024
FILES_PER_FOLDER = 1_000
NEWEST = datetime(2021, 8, 31, 23, 59, tzinfo=UTC)
SPAN_IN_MINUTES = 2 * 365 * 24 * 60
IMAGE_SIZES = ((640, 425), (1200, 628), (1600, 900), (525, 295), (1240, 697))
NEIGHBOURS = 8


@dataclass(frozen=True, slots=True)
class Story:
    """One story, as its own seed and the seeds that list it as related show it."""

    path: str
    category: str
    title: str
    excerpt: str
    date: str
    url: str
    amp_url: str
    kind: str
    quality: int
    heat: int
    published: bool
    provider: Provider
    topics: tuple[str, ...]
    image: str


def generate(count: int, folder: Path, seed: int = 1) -> list[Story]:
    """Write `count` seeds below `folder`, which must be empty or missing; return their stories."""
    if count < MIN_COUNT:
        raise ValueError(f"at least {MIN_COUNT} seeds are needed, so that all have related ones")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    rng = random.Random(seed)
    stories = [_story(rng, index) for index in range(count)]
    for subfolder in range((count - 1) // FILES_PER_FOLDER + 1):
        (folder / f"{subfolder:03d}").mkdir(parents=True)
    for story, nearby in _with_neighbours(stories):
        (folder / story.path).write_bytes(_seed(rng, story, nearby))
    return stories


def write_config(path: Path, seeds_dir: Path, out_dir: Path, state: Path) -> None:
    """Write the smallest config.toml that publishes what the yardstick publishes."""
    seeds, out, state_file = (
        json.dumps(str(place), ensure_ascii=False) for place in (seeds_dir, out_dir, state)
    )
    path.write_text(
        f"""\
[site]
title = "Benchmark"
base_url = "https://feeds.example.org/"
url = "https://www.example.org/"

[paths]
seeds = [{seeds}]
out = {out}
state = {state_file}

[selection]
min_quality = 40
max_items = 50
""",
        encoding="utf-8",
    )


def _story(rng: random.Random, index: int) -> Story:
    """Draw the story with that number."""
    date = NEWEST - timedelta(minutes=rng.randrange(SPAN_IN_MINUTES))
    provider = rng.choice(words.PROVIDERS)
    title = _title(rng)
    slug = "-".join(re.findall(r"[a-z0-9]+", title.lower())[:6])
    url = f"https://{provider.host}/news/{date:%Y/%m}/{slug}-{100_000 + index}"
    return Story(
        path=f"{index // FILES_PER_FOLDER:03d}/{index % FILES_PER_FOLDER:03d}_"
        f"{rng.getrandbits(64):016x}.txt",
        category=rng.choices(("news", "opinion", "research"), (90, 5, 5))[0],
        title=title,
        excerpt=_excerpt(rng),
        date=f"{date:%Y-%m-%dT%H:%M}:00Z",
        url=url,
        amp_url=url + rng.choice(("?amp", "/amp/")) if rng.random() < 0.6 else "",
        kind=rng.choices(("article", "video"), (95, 5))[0],
        quality=min(95, max(20, round(rng.gauss(58, 15)))),
        heat=rng.choice((-1, rng.randint(0, 150))),
        published=rng.random() < 0.7,
        provider=provider,
        topics=tuple(rng.sample(words.TOPICS, rng.choices((1, 2, 3), (15, 70, 15))[0])),
        image=f"https://cdn.{provider.domain}/images/{date:%Y-%m}/{rng.getrandbits(128):032x}"
        + rng.choice((".jpg", ".jpg", ".jpeg", ".png", f".jpg?{date:%Y%m%d%H%M}00")),
    )


def _title(rng: random.Random) -> str:
    """Draw a title; one in twenty-five has typographic quotes."""
    what = rng.choice(words.WHAT)
    if rng.random() < 0.04:
        what = f"‘{what}’"
    title = f"{rng.choice(words.WHO)} {rng.choice(words.DOES)} {what}"
    return f"{title} {rng.choice(words.WHEN)}" if rng.random() < 0.5 else title


def _excerpt(rng: random.Random) -> str:
    """Draw one to three sentences; 15 percent have signs outside of ASCII."""
    text = (
        f"{rng.choice(words.WHO)} {rng.choice(words.DOES)} {rng.choice(words.WHAT)}"
        f" {rng.choice(words.WHEN)}, {rng.choice(words.BECAUSE)}."
    )
    if rng.random() < 0.5:
        text = f"{text} {rng.choice(words.FOLLOW_UP)}"
    if rng.random() < 0.15:
        text = f"{text} {rng.choice(words.TYPOGRAPHIC)}"
    return text


def _with_neighbours(stories: Sequence[Story]) -> Iterator[tuple[Story, list[Story]]]:
    """Pair each story with those of about the same time and, mostly, the same topic."""
    order = sorted(stories, key=lambda story: (story.topics[0], story.date, story.url))
    for place, story in enumerate(order):
        before = order[max(0, place - NEIGHBOURS) : place]
        yield story, before + order[place + 1 : place + 1 + NEIGHBOURS]


def _seed(rng: random.Random, story: Story, nearby: Sequence[Story]) -> bytes:
    """Return the file of a story, with two to five related ones, best first, as space allows."""
    top = _top(story)
    blob = base64.b64encode(rng.randbytes(16 * rng.randint(19, 36))).decode()
    bottom = f'\nsecured: "{blob};{base64.b64encode(rng.randbytes(16)).decode()}"\n---\n\n'
    wanted = rng.choices((2, 3, 4, 5), (1, 1, 4, 3))[0]
    size = len(top.encode()) + len(bottom)
    related: list[tuple[int, str]] = []
    for other in rng.sample(nearby, 5):
        text = _related(other, with_image=rng.random() < 0.95)
        enough = len(related) >= wanted and size >= MIN_BYTES
        if enough or size + len(text.encode()) > MAX_BYTES:
            break
        related.append((-other.quality, text))
        size += len(text.encode())
    return (top + "".join(text for _, text in sorted(related)) + bottom).encode()


def _top(story: Story) -> str:
    """Return the part of a seed above its related stories."""
    topics = "".join(f"  - {topic}\n" for topic in story.topics)
    return (
        f"---\ncategory: {story.category}\n"
        f'title: "{story.title}"\nexcerpt: "{story.excerpt}"\npublishedDateTime: {story.date}\n'
        f'originalUrl: "{story.url}"\nwebUrl: "{story.url}"\n{_amp(story, "")}'
        f"type: {story.kind}\nquality: {story.quality}\nheat: {story.heat}\n"
        f"published: {str(story.published).lower()}\n\n"
        f"provider:\n  name: {story.provider.name}\n  domain: {story.provider.domain}\n\n"
        f"topics:\n{topics}\n{_images(story, '')}\nrelated:\n"
    )


def _related(story: Story, *, with_image: bool) -> str:
    """Return a story as it stands in the list of related ones."""
    return (
        f'  - title: "{story.title}"\n    excerpt: "{story.excerpt}"\n'
        f'    publishedDateTime: {story.date}\n    webUrl: "{story.url}"\n{_amp(story, "    ")}'
        f"    type: {story.kind}\n"
        f"    provider:\n      name: {story.provider.name}\n"
        f"      domain: {story.provider.domain}\n"
        f"    quality: {story.quality}\n" + (_images(story, "    ") if with_image else "")
    )


def _amp(story: Story, indent: str) -> str:
    """Return the two AMP addresses, if the story has them."""
    if not story.amp_url:
        return ""
    cache = f"https://{story.provider.host.replace('.', '-')}.cdn.ampproject.org/c/s/"
    return (
        f'{indent}ampWebUrl: "{story.amp_url}"\n'
        f'{indent}cdnAmpWebUrl: "{cache}{story.amp_url.removeprefix("https://")}"\n'
    )


def _images(story: Story, indent: str) -> str:
    """Return the list with the one image of a story; its size follows from its address."""
    width, height = IMAGE_SIZES[len(story.image) % len(IMAGE_SIZES)]
    return (
        f'{indent}images:\n{indent}  - url: "{story.image}"\n{indent}    width: {width}\n'
        f"{indent}    height: {height}\n{indent}    isCached: true\n"
    )


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description="Write seeds shaped like the real ones.")
    parser.add_argument("count", type=int, metavar="N")
    parser.add_argument("folder", type=Path, metavar="DIR", help="empty or missing")
    parser.add_argument("--seed", type=int, default=1, help="another number, other seeds")
    arguments = parser.parse_args()
    try:
        generate(arguments.count, arguments.folder, arguments.seed)
    except (ValueError, OSError) as error:
        sys.exit(f"generate: {error}")


if __name__ == "__main__":
    main()
