"""The version of the package: `pyproject.toml` and the documents of flows read it here."""

__version__ = "1.5.0"
