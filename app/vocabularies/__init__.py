"""Vocabularies: the versioned YAML files that say how reports become labels."""
