"""Evaluations: a model measured on a split of a dataset, alone or beside another."""
