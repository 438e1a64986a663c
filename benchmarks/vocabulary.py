"""The words that generated seeds are made of.

They are fragments rather than whole titles, so that a few hundred bytes of source give enough
different titles, and texts as long as real ones: what parsing, escaping and compression cost
depends on both.
"""

from typing import NamedTuple


class Provider(NamedTuple):
    """A news site: its name, its domain, and the host that its pages are on."""

    name: str
    domain: str
    host: str


TOPICS = (
    "AI", "Computer Vision", "Natural Language Processing", "Robotics", "Machine Learning",
    "Self-Driving Cars", "Cybersecurity", "Privacy", "Quantum Computing", "Blockchain",
    "Cryptocurrency", "Cloud Computing", "Open Source", "C++", "Rust", "Python", "Web Development",
    "Mobile Apps", "Games", "Virtual Reality", "Augmented Reality", "Wearables", "Smart Home",
    "Internet of Things", "5G", "Semiconductors", "Supercomputers", "Big Data", "Data Science",
    "E-Commerce", "Fintech", "Health Tech", "Biotech", "Genomics", "Climate", "Renewable Energy",
    "Batteries", "Electric Vehicles", "Space", "Satellites", "Drones", "3D Printing",
    "Social Media", "Streaming", "R&D", "Startups", "Regulation", "Antitrust", "Education",
    "Future of Work",
)  # fmt: skip

_PLACES = (
    "Bristol", "Dublin", "Edinburgh", "Boston", "Chicago", "Denver", "Seattle", "Austin", "Toronto",
    "Sydney", "Auckland", "Delhi", "Singapore", "Nairobi", "Lagos", "Berlin", "Vienna", "Lisbon",
    "Oslo", "New Haven",
)  # fmt: skip

_TITLES = (
    ("Herald", "com"), ("Register", "com"), ("Courier", "org"), ("Tech Weekly", "io"),
    ("Observer", "co.uk"), ("Star & Post", "com"), ("Wire", "net"), ("Science Review", "org"),
    ("Business Daily", "com"), ("Insider", "news"),
)  # fmt: skip


def _provider(name: str, ending: str) -> Provider:
    """Return the provider of that name: its domain follows from the name."""
    letters = "".join(sign for sign in name.lower() if sign.isalpha())
    domain = f"{letters}.{ending}"
    return Provider(name, domain, f"www.{domain}")


PROVIDERS = tuple(
    _provider(f"{place} {title}", ending) for place in _PLACES for title, ending in _TITLES
)

WHO = (
    "Campaigners", "Civil liberties groups", "Police and Home Office officials", "MPs",
    "Researchers at three universities", "European regulators", "A human rights group",
    "Thirty-one organisations", "City councils", "Security experts", "Chip makers",
    "The chief executive of a start-up", "Privacy advocates", "Lawmakers", "Data protection bodies",
    "Engineers", "Doctors", "Two former ministers", "School boards", "Investors",
)  # fmt: skip

DOES = (
    "call for a ban on", "demand an inquiry into", "welcome the first trials of",
    "publish new guidance on", "warn against the hidden costs of", "sound the alarm on",
    "quietly approve the use of", "release an open letter about", "question the accuracy of",
    "double their spending on", "unite against", "put forward rules for", "back down over",
    "raise 40 million dollars for", "find serious flaws in", "take a closer look at",
)  # fmt: skip

WHAT = (
    "live facial recognition technology", "automated decision making in courts",
    "driverless delivery vans", "encrypted messaging services", "chatbots that write news",
    "surveillance cameras in schools", "brain implants", "the tracking of online shoppers",
    "machines that read medical scans", "home batteries", "satellite broadband",
    "robots in warehouses", "quantum key exchange", "deepfake videos",
    "software that grades exams", "gene editing in crops", "drones over public parks",
    "smart meters", "voice assistants in cars", "algorithms that set wages",
    "biometric passports", "contactless payments", "open source components",
    "carbon capture plants", "the resale of location data",
)  # fmt: skip

WHEN = (
    "in the UK", "across England and Wales", "before the next election", "in New York",
    "after a leak of documents", "for the first time since 2013", "despite court rulings",
    "amid claims of bias", "as costs rise", "in rural areas", "at airports", "this summer",
)  # fmt: skip

BECAUSE = (
    "as the Government updates its guidance on the use of the technologies concerned",
    "while critics say that the proposed changes leave a path for them to be abused by the state",
    "after an agency admitted that it had taken part in a free trial of the software",
    "saying that any use should quickly delete the data that is collected",
    "which raises questions of efficiency, oversight and discrimination",
    "citing a study of more than 12,000 cases over four years",
)

FOLLOW_UP = (
    "The proposed code is the first of its kind and will be open for comment until October.",
    "A spokeswoman said that the company would not comment on matters before a court.",
    "Similar plans were withdrawn two years ago after protests by residents and local councils.",
    "The measure passed its first reading by a narrow majority and now goes to committee.",
    "Shares fell by four per cent on the news before they recovered later in the day.",
)

TYPOGRAPHIC = (
    "Passing an ordinance “is the right thing to do”, said Zoë Müller of the council.",
    "People are waking up to the dangers — and they’re taking action.",
    "It’s a ‘dystopian’ step, according to campaigners in São Paulo and Kraków.",
    "“We can’t un-see this,” Renée Lefèvre, the group’s director, told reporters…",
    "The 2019–2021 trial cost £1.2m – nearly €1.4m – and led to no arrests.",
    "François Nuñez called the idea “naïve”; the ministry’s reply was short.",
    "The agency â€œhas the technology under review as it becomes more pervasive,",
)
"""Whole sentences with typographic signs; the last one is mis-decoded, as in a real seed."""
