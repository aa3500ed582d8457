"""Pages about disagreement: table, groups, trend, flow, statements, comparison, and the ECGs behind each number."""
