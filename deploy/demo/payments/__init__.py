"""A small payments service: what Drydock keeps safe in its demo."""

__version__ = "1.4.0"
