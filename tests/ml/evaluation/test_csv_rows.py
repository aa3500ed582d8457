import csv
import io

from ml.evaluation.csv_rows import as_csv


def test_nothing_in_a_table_is_a_formula():
    text = as_csv([{"site": "=cmd()", "value": -0.5}, {"site": "north, ward 2", "value": None}])
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["site", "value"], ["'=cmd()", "-0.5"], ["north, ward 2", ""]]
