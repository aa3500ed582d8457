"""Answers from a bundle: the predictor, the inputs of the command, the warm child, and evaluation on a dataset."""
