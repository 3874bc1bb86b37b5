"""What an operator may set, and what is refused."""

import pytest

from animals10.errors import UserError
from animals10.serving import access, settings


def test_limits_are_read_from_assignments() -> None:
    limits = settings.read(["queue=64", "deadline=2.5", "file_mib=1"])
    assert (limits.queue, limits.deadline, limits.file_bytes) == (64, 2.5, 2**20)
    assert limits.files == settings.Settings().files


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("queu=3", "--set queu: no such setting; did you mean queue?"),
        ("queue=3", "--set queue=3 is not allowed: should be greater than or equal to 16"),
        ("queue=x", "--set queue=x is not allowed: should be a valid integer"),
        ("deadline=nan", "--set deadline=nan is not allowed: "),
        ("deadline=inf", "--set deadline=inf is not allowed: "),
        ("queue", "--set queue is not allowed; give NAME=VALUE"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(assignment: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        settings.read([assignment])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("token", ["short", "a space in it is not allowed", "ü" * 20, "x" * 15])
def test_a_token_that_is_weak_or_fits_no_header_is_refused(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.TOKEN, token)
    with pytest.raises(UserError, match="at least 16 printable ASCII characters") as caught:
        settings.read_token()
    assert token not in str(caught.value)


def test_only_this_machine_needs_no_token() -> None:
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        access.require_private(host, None)
    for host in ("0.0.0.0", "::", "192.168.1.1", "example.org", ""):  # noqa: S104
        access.require_private(host, "a token")
        with pytest.raises(UserError, match="which needs a token"):
            access.require_private(host, None)
