from onoma.errors import DataError, ModelError, OnomaError, RecipeError, nearest


def test_message_says_where_what_and_mend():
    error = DataError("unknown tag 'X-PER'.", where="a.conll:3", mend="Use B- or I-.")
    assert str(error) == "a.conll:3: unknown tag 'X-PER'. Use B- or I-."
    assert str(OnomaError("full")) == "full"


def test_nearest_suggests_or_lists():
    assert nearest("stagse", ["stages", "base"]) == "Did you mean 'stages'?"
    assert nearest("zzz", ["b", "a"]) == "Known: a, b."
    assert nearest("zzz", []) == ""


def test_kinds_of_errors_have_their_own_exit_codes():
    codes = [kind.exit_code for kind in (OnomaError, DataError, RecipeError, ModelError)]
    assert len(set(codes)) == 4
