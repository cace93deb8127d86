"""Pictures: from the address or file that a caller gave to what a phone can show."""
