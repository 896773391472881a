from fluxlib.io.text import Account


def test_what_is_rejected_is_no_longer_kept():
    account = Account(read=10, kept=10)
    account.reject("no number", "line 3")
    account.reject("no number", "line 4", 2)
    account.reject("off the grid", "2014-01-01")
    assert account.kept == 6
    assert account.read == account.kept + sum(account.rejected.values())
    assert account.explain() == "3 no number (line 3); 1 off the grid (2014-01-01)"
