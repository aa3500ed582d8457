"""What can be wrong with the private PostgreSQL; each message says what to do."""


class EmbeddedPostgresError(RuntimeError):
    """The private PostgreSQL cannot be made, started or stopped."""


class FolderInUse(EmbeddedPostgresError):
    """Another live process already runs the PostgreSQL of this folder."""


class NoPostgres(EmbeddedPostgresError):
    """No usable PostgreSQL programs of the version asked for."""
