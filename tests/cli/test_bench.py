import pytest

from onoma.deployment.benchmark import read_benched


@pytest.mark.integration
def test_runs_and_rules_side_by_side(onoma_cli, tiny_run, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("gazetteers: {LOC: [গুৱাহাটী]}\n")
    export = tmp_path / "export"
    assert onoma_cli("export", tiny_run, export, "--precision", "int8", "--most-loss", 1).code == 0
    command = ("bench", tiny_run, export, rules, "--on", "examples:as", "--limit", 5, "--rounds", 2)
    done = onoma_cli(*command)
    assert done.code == 0, done.err
    assert "5 documents of examples:as test" in done.out
    assert "limit of matrix products in int8" in done.out
    done = onoma_cli(*command, "--json")
    figures = done.json
    (tmp_path / "bench.json").write_text(done.out)
    assert [one.to_dict() for one in read_benched(tmp_path / "bench.json")] == [
        one | {"speed": one["speed"] | {"seconds": tuple(one["speed"]["seconds"])}, "spread": tuple(one["spread"])}
        for one in figures["extractors"]
    ]
    run, small, by_rules = figures["extractors"]
    for one in figures["extractors"]:
        assert len(one["speed"]["seconds"]) == 2
        assert one["spread"][0] <= one["speed"]["sentences"] <= one["spread"][1]
        assert 0 < one["speed"]["p50"] <= one["speed"]["p99"]
        assert one["memory"] > 1e7
        assert one["cold_start"] > 0
    assert 0 < run["share"] < 1
    assert 0 < small["share"] < 1
    assert by_rules["share"] is None
    assert by_rules["memory"] < run["memory"], "rules need no torch"


def test_what_cannot_be_measured(onoma_cli, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert onoma_cli("bench", tmp_path / "nothing", "--on", "examples:as").code == 5
    rules = tmp_path / "rules.yaml"
    rules.write_text("gazetteers: {LOC: [গুৱাহাটী]}\n")
    done = onoma_cli("bench", rules, "--on", empty, "--split", "train")
    assert done.code == 3
