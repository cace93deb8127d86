"""Which hosts are the provider's own."""

_DOMAINS = (".nexmo.com", ".vonage.com")


def is_provider(host: str) -> bool:
    """Tell whether a host name belongs to the provider, and not to what stands in for it."""
    return f".{host.lower()}".endswith(_DOMAINS)
