"""Jobs: anything slow. The database is the queue, the broker only a doorbell."""
