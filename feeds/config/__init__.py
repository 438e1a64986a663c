"""config.toml: the model of every key, and reading it."""

from feeds.config.load import Loaded, load_config
from feeds.config.model import Config

__all__ = ["Config", "Loaded", "load_config"]
