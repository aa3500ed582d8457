"""`overread demo`: every step from upload to prediction, through the REST API alone."""
