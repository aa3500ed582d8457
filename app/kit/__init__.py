"""What several resources share: database, problems, pagination, object store, audit, logs."""
