import yaml


def test_study_then_compare(onoma_cli, tiny_recipe, tmp_path, write):
    write("recipe.yaml", yaml.safe_dump(tiny_recipe(stages=[{"name": "one", "train": ["as"]}])))
    content = {"name": "s", "recipe": "recipe.yaml", "variants": {"a": {}, "b": {"set": {"adapter.rank": 2}}}}
    path = write("study.yaml", yaml.safe_dump(content))
    done = onoma_cli("study", path, "--runs", tmp_path / "runs")
    assert done.code == 0, done.err
    assert "s 2/2: b-seed13" in done.err
    assert "Strict entity F1 on as" in done.out
    assert f"Report: {tmp_path / 'runs/s/report.html'}" in done.out
    found = onoma_cli("study", path, "--runs", tmp_path / "runs", "--json").json
    assert [line["name"] for line in found["systems"]] == ["a", "b"]
    runs = [tmp_path / "runs/s/a-seed13", tmp_path / "runs/s/b-seed13"]
    done = onoma_cli("compare", *runs, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "reference" in done.out
    assert (tmp_path / "out" / "report.md").exists()
    done = onoma_cli("compare", tmp_path)
    assert done.code == 3
    assert "this is not a finished run" in done.err
