"""The provider: Vonage's words and HTTP calls, which stop at this package."""
