"""Who may know us by a token when attachments are fetched: the provider's hosts, and no other."""

from collections.abc import Mapping

from yarl import URL

from wirephoto.vonage.hosts import is_provider
from wirephoto.vonage.tokens import Tokens


class AttachmentCredentials:
    """Gives the headers for an address of an attachment (contract 2.3).

    Where the application secures inbound media, the provider wants a token; whoever else were to
    get one could send in our name. So it goes to the provider's domains over TLS, and to where
    messages are submitted, which is what may stand in for the provider.
    """

    def __init__(self, tokens: Tokens | None, base_url: str) -> None:
        """Take what signs tokens; without it everybody is asked as anybody would."""
        self._tokens = tokens
        self._origin = URL(base_url).origin()

    def __call__(self, url: URL) -> Mapping[str, str]:
        """Return the headers for one address."""
        if self._tokens is None or not self._may_know(url):
            return {}
        # One of its own for each fetch: nothing else fails where this one is refused.
        return {"Authorization": self._tokens.mint().authorization}

    def _may_know(self, url: URL) -> bool:
        provider = url.scheme == "https" and is_provider(url.host or "")
        return provider or url.origin() == self._origin
