"""The pages' Python examples run as they stand, on a small dataset and its model."""

import shutil
from pathlib import Path

import pytest

from ml.inference.onnx_file import onnx_file
from tests.ml.code_blocks import code_blocks


@pytest.mark.parametrize("page", ["how-to/use_a_bundle.md", "reference/dataset.md"])
def test_the_page_s_example_runs(page, store_folder, bundle_folder, tmp_path, monkeypatch, capsys):
    shutil.copytree(store_folder, tmp_path / "data/sim")
    shutil.copytree(bundle_folder, tmp_path / "runs/supervised/bundle")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(onnx_file(bundle_folder))
    for block in code_blocks(page, "python"):
        exec(compile(block, page, "exec"), {"__name__": "__main__", "Path": Path})
    assert len(capsys.readouterr().out.splitlines()) >= 3
