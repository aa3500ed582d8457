"""What can be wrong with the private PostgreSQL; each message says what to do."""

from app.kit.explained import Explained


class EmbeddedPostgresError(Explained):
    """The private PostgreSQL cannot be made, started or stopped."""


class FolderInUse(EmbeddedPostgresError):
    """Another live process already runs the PostgreSQL of this folder."""


class NoPostgres(EmbeddedPostgresError):
    """No usable PostgreSQL programs of the version asked for."""
