"""From a feed and its items to documents: one module per format, and what they share.

Everything in here is pure and deterministic to the byte. No other package imports feedgen and lxml.
"""
