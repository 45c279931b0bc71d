"""Who may talk to the hub, decided from the headers alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_server.guard import Allowed, Decision, Denied, Policy, decide, new_token, policy_for

PORT = 8123
TOKEN = new_token()
POLICY = policy_for(TOKEN, PORT, hosts=["Hub.example.org"], origins=["https://App.example.org/"])
BEARER = ("authorization", f"Bearer {TOKEN}")


def asking(*headers: tuple[str, str], host: str | None = f"127.0.0.1:{PORT}", policy: Policy = POLICY) -> Decision:
    every = [*headers] if host is None else [("host", host), *headers]
    return decide(policy, [(name.encode(), value.encode("latin-1")) for name, value in every])


def status(decision: Decision) -> int:
    return decision.status if isinstance(decision, Denied) else 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8123", 200),
        ("localhost:8123", 200),
        ("LOCALHOST:8123", 200),
        ("[::1]:8123", 200),
        ("hub.example.org", 200),
        ("127.0.0.1", 421),
        ("127.0.0.1:8124", 421),
        ("127.0.0.1:8123.evil.example", 421),
        ("evil.example:8123", 421),
        ("evil.example", 421),
        ("localhost.evil.example:8123", 421),
        ("hub.example.org:8123", 421),
        ("0.0.0.0:8123", 421),
        ("", 421),
        (None, 421),
    ],
)
def test_only_our_own_names_are_answered(host: str | None, expected: int) -> None:
    assert status(asking(BEARER, host=host)) == expected


def test_two_host_headers_are_refused() -> None:
    assert status(asking(("host", f"127.0.0.1:{PORT}"), BEARER)) == 421


def test_at_port_80_browsers_leave_the_port_out() -> None:
    policy = policy_for(TOKEN, 80)
    assert status(asking(("origin", "http://localhost"), host="localhost", policy=policy)) == 200


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:8123", 200),
        ("http://localhost:8123", 200),
        ("http://[::1]:8123", 200),
        ("https://hub.example.org", 200),
        ("https://app.example.org", 200),
        ("http://app.example.org", 403),
        ("https://127.0.0.1:8123", 403),
        ("http://127.0.0.1:9999", 403),
        ("http://127.0.0.1", 403),
        ("https://evil.example", 403),
        ("https://app.example.org.evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_page_of_another_origin_is_refused_even_with_the_token(origin: str, expected: int) -> None:
    assert status(asking(("origin", origin), BEARER)) == expected
    assert status(asking(("origin", f"http://localhost:{PORT}"), ("origin", origin), BEARER)) == 403


@pytest.mark.parametrize(
    ("site", "mode", "destination", "expected"),
    [
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
        ("cross-site", "navigate", "document", 200),  # a link that somebody follows
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "no-cors", "image", 403),
        ("cross-site", "no-cors", "script", 403),
        ("same-site", "no-cors", "empty", 403),  # another port of this machine
    ],
)
def test_what_another_page_embeds_is_refused(site: str, mode: str, destination: str, expected: int) -> None:
    fetch = [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", destination)]
    assert status(asking(*fetch)) == expected


def cookie(value: str, name: str = POLICY.cookie_name) -> tuple[str, str]:
    return ("cookie", f"{name}={value}")


@pytest.mark.parametrize(
    ("header", "authenticated"),
    [
        (BEARER, True),
        (("authorization", f"bearer  {TOKEN} "), True),
        (cookie(POLICY.cookie_value), True),
        (("cookie", f'broken"; a b=c; {POLICY.cookie_name}={POLICY.cookie_value}; other=1'), True),
        (("cookie", f"{POLICY.cookie_name}=old; {POLICY.cookie_name}={POLICY.cookie_value}"), True),
        (("authorization", "Bearer "), False),
        (("authorization", f"Bearer {TOKEN}x"), False),
        (("authorization", f"Bearer {TOKEN[:-1]}"), False),
        (("authorization", f"Basic {TOKEN}"), False),
        (("authorization", TOKEN), False),
        (("authorization", "Bearer \xe4\xf6\xfc"), False),
        (cookie(TOKEN), False),
        (cookie(""), False),
        (cookie(POLICY.cookie_value[:-1]), False),
        (cookie(POLICY.cookie_value + "0"), False),
        (cookie(POLICY.cookie_value, name="quire_8124"), False),
        (("x-token", TOKEN), False),
    ],
)
def test_the_token_or_the_cookie_authenticates_and_nothing_else(header: tuple[str, str], authenticated: bool) -> None:
    assert asking(header) == Allowed(authenticated)


def test_a_cookie_does_not_make_up_for_a_wrong_token() -> None:
    assert asking(("authorization", "Bearer wrong"), cookie(POLICY.cookie_value)) == Allowed(authenticated=False)
    assert asking(BEARER, BEARER) == Allowed(authenticated=False)


def test_every_hub_has_its_own_token_and_cookie() -> None:
    other = policy_for(new_token(), PORT)
    assert other.token != TOKEN
    assert other.cookie_value != POLICY.cookie_value
    assert asking(BEARER, policy=other) == Allowed(authenticated=False)


def test_a_token_is_recognised_wherever_it_was_presented() -> None:
    assert POLICY.is_token(TOKEN)
    assert not POLICY.is_token("")
    assert not POLICY.is_token("\udc80" + TOKEN)


def test_the_policy_does_not_show_its_secrets() -> None:
    assert TOKEN not in repr(POLICY)
    assert POLICY.cookie_value not in repr(POLICY)


HEADER_NAMES = st.sampled_from([b"host", b"origin", b"authorization", b"cookie", b"sec-fetch-site", b"x"])


@given(st.lists(st.tuples(HEADER_NAMES, st.binary(max_size=60)), max_size=8))
def test_no_headers_whatever_authenticate_without_the_secret(headers: list[tuple[bytes, bytes]]) -> None:
    decision = decide(POLICY, [(b"host", f"localhost:{PORT}".encode()), *headers])
    assert decision == Allowed(authenticated=False) or isinstance(decision, Denied)
