"""Who read which patient's data: one row a request, written before its answer is sent."""
