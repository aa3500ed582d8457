"""A classical machine reader: rules on measurements, with the thresholds of textbooks as data."""

from ml.rules.reader import RuleReading, RuleStatement, read, read_window
from ml.rules.rule_book import LabelRule, RuleBook, rule_book

__all__ = ["LabelRule", "RuleBook", "RuleReading", "RuleStatement", "read", "read_window", "rule_book"]
