"""A local site that answers in the sources' real formats, error modes included: `python -m crawlers.replica`."""

from crawlers.replica.site import Replica

__all__ = ["Replica"]
