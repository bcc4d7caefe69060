"""Tablecloud: SQL over cloud APIs, and a self-hosted job service for Google's ml v1 API.

Nothing is imported here: the command line starts in milliseconds because modules load when they are needed.
"""

__version__ = "0.1.0"
