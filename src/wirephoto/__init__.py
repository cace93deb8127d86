"""Wirephoto: a self-hosted MMS gateway for the Vonage Messages API."""

__version__ = "0.1.0"
