"""What `onoma ui` refuses; the page itself is tested in tests/integration/test_page.py."""


def test_it_listens_for_others_only_with_a_password(onoma_cli, tmp_path, monkeypatch):
    monkeypatch.delenv("ONOMA_PASSWORD", raising=False)
    done = onoma_cli("ui", "--runs", tmp_path, "--host", "0.0.0.0")
    assert done.code == 1
    assert "everyone who reaches 0.0.0.0 could use the page" in done.err
    assert "ONOMA_PASSWORD" in done.err


def test_there_has_to_be_something_to_show(onoma_cli, tmp_path):
    assert "there is nothing to show" in onoma_cli("ui").err
    done = onoma_cli("ui", "--runs", tmp_path / "none")
    assert done.code == 1
    assert "no such folder" in done.err


def test_a_bad_review_is_an_error_of_data(onoma_cli, write):
    verdicts = write("verdicts.jsonl", '{"text": "x"}\n{"text": "y"}\n')
    done = onoma_cli("ui", "--review", "examples:as", "--verdicts", verdicts)
    assert done.code == 3
    assert "no verdict of a review" in done.err
