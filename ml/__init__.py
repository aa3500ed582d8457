"""The library behind the service: formats, signals, labels, models. Never imports `app`."""
