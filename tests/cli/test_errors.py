import shutil


def test_errors_of_a_run(onoma_cli, tiny_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    done = onoma_cli("errors", run)
    assert done.code == 0
    assert "Recall by times in training" in done.out
    assert "gold entities are right; " in done.out
    page = (run / "errors.html").read_text()
    assert page.count("<svg") == 1
    assert "⟦" in page
    found = onoma_cli("errors", run, "--corpus", "as", "--json").json
    assert found["kinds"]["missed"] + found["kinds"]["correct"] > 0
    assert set(found["slices"]) == {"words", "casing", "times in training"}


def test_an_unknown_corpus_is_told(onoma_cli, tiny_run):
    done = onoma_cli("errors", tiny_run, "--corpus", "hi")
    assert done.code == 3
    assert "this run was not scored on 'hi'. Known: as" in done.err
