"""Tells WebSub hubs which documents changed."""

from feeds.push.jobs import Job, push_once
from feeds.push.rounds import Round

__all__ = ["Job", "Round", "push_once"]
