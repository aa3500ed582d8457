"""Jobs: slow work. The database is the queue; the broker only wakes workers."""
