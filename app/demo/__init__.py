"""`overread demo`: the whole way once, through the REST API alone."""
