"""A model's answers for many stored ECGs, as one Parquet file."""
