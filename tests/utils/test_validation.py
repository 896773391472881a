import pytest

from fluxlib.errors import FluxError
from fluxlib.utils.validation import check_name


@pytest.mark.parametrize("name", ["goes13", "my-set_2.1", "größe"])
def test_a_name_that_a_file_can_have_is_returned(name):
    assert check_name(name, "name") == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "-rf", ".hidden", "a\n", "a+b"])
def test_a_name_that_could_leave_the_folder_or_mislead_is_refused(name):
    with pytest.raises(FluxError, match=r"name is .*; expected letters, .* a file's name"):
        check_name(name, "name")
