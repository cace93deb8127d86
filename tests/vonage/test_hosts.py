"""The provider's own hosts are told from others by their whole domain."""

import pytest

from wirephoto.vonage.hosts import is_provider


@pytest.mark.parametrize(
    ("host", "theirs"),
    [
        ("api.nexmo.com", True),
        ("api-eu.vonage.com", True),
        ("Nexmo.com", True),
        ("evilnexmo.com", False),
        ("nexmo.com.example", False),
        ("127.0.0.1", False),
        ("", False),
    ],
)
def test_a_host_is_the_provider_s_by_its_domain(host, theirs):
    """Secrets and rules depend on it; a name that only looks like it must not do."""
    assert is_provider(host) is theirs
