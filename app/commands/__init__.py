"""The commands of `overread`, one file a subject; `app.cli` puts them together."""
