"""What the settings decide, in the forms in which the parts ask for it."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from wirephoto.api.server import ServerSettings
from wirephoto.api.tls import CertificateFiles, RenewedCertificate
from wirephoto.config import Settings
from wirephoto.domain.consent import ConsentPolicy, WithoutConsent
from wirephoto.domain.daily_cap import CAPPED_NETWORKS, CapRules
from wirephoto.domain.departure import DepartureRules
from wirephoto.domain.doubt import Delivery, DoubtPolicy
from wirephoto.domain.frequency import parse_caps
from wirephoto.domain.marketing import MarketingRules
from wirephoto.domain.message import Category
from wirephoto.domain.opt_out import Answerer, OptOutScope
from wirephoto.domain.opt_out_wording import MONTHLY
from wirephoto.domain.outcome import FailureClass
from wirephoto.domain.phone import SenderKind, sender_kind
from wirephoto.domain.quiet_hours import Policy, QuietHours, parse_policy
from wirephoto.domain.quiet_rules import standard_rules
from wirephoto.domain.reply_words import Language
from wirephoto.domain.request import RequestRules
from wirephoto.domain.retry import ResendPolicy, RetryPolicy
from wirephoto.engine.receipts import ReceiptRules
from wirephoto.engine.replies import ReplySettings
from wirephoto.errors import SettingsInvalid
from wirephoto.storage.schema import DEFAULT_ACCOUNT, DEFAULT_CAMPAIGN, DEFAULT_TENANT
from wirephoto.storage.senders import Sender
from wirephoto.vonage.hosts import is_provider

Parsed = TypeVar("Parsed")


def request_rules(settings: Settings, *, hosts_media: bool) -> RequestRules:
    """Return what a request must keep."""
    return RequestRules(
        default_sender=settings.vonage_sender_number,
        default_category=Category(settings.default_category),
        expires_after=timedelta(hours=settings.expires_after_h),
        real_provider=is_provider(urlsplit(settings.vonage_base_url).hostname or ""),
        egress_allow=settings.egress_allow,
        hosts_media=hosts_media,
        sticky_waits=settings.pool_sticky_waits,
    )


def server_settings(settings: Settings) -> ServerSettings:
    """Return how the application is served.

    Raises:
        SettingsInvalid: the certificate and its key cannot be used.
    """
    tls = None
    if settings.tls_certificate and settings.tls_key:
        try:
            files = CertificateFiles(settings.tls_certificate, settings.tls_key)
            tls = RenewedCertificate(files).context
        except OSError as error:
            # An SSLError tells a reason of OpenSSL's, and nothing of the key.
            fault = f"WIREPHOTO_TLS_CERTIFICATE: cannot be used with its key: {error.strerror}"
            raise SettingsInvalid([fault]) from error
    return ServerSettings(
        grace_s=settings.stop_grace_s,
        trusted_proxies=settings.trusted_proxies,
        tls=tls,
        connections_max=settings.connections_max,
    )


def cap_rules(settings: Settings) -> CapRules:
    """Return whose messages count against daily caps."""
    return CapRules(
        networks=frozenset(settings.capped_networks or CAPPED_NETWORKS),
        unknown_counts=settings.unknown_networks == "counted",
    )


def departure_rules(settings: Settings) -> DepartureRules:
    """Return when messages may leave by their recipients' clocks, and how often.

    Raises:
        SettingsInvalid: with every setting of these that does not say so.
    """
    faults: list[str] = []
    policy = _parsed("WIREPHOTO_QUIET_HOURS", parse_policy, settings.quiet_hours, faults)
    caps = _parsed("WIREPHOTO_FREQUENCY_CAPS", parse_caps, settings.frequency_caps, faults)
    book = standard_rules()
    try:
        if settings.quiet_hours_rules is not None:
            book = book.corrected_by(_text_of(settings.quiet_hours_rules))
    except ValueError as error:
        faults.append(f"WIREPHOTO_QUIET_HOURS_RULES: {error}")
    if faults:
        raise SettingsInvalid(faults)
    policy = replace(
        policy or Policy(),
        also_held=frozenset(Category(name) for name in settings.quiet_hours_also),
        conversation=timedelta(minutes=settings.conversation_min),
    )
    return DepartureRules(QuietHours(policy, book), caps or {})


def _parsed(
    variable: str, parse: Callable[[str], Parsed], text: str | None, faults: list[str]
) -> Parsed | None:
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        # What is quoted is a part of the value, which no fault shows.
        faults.append(f"{variable}: {re.sub('`[^`]*`', 'one item', str(error))}")
        return None


def _text_of(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ValueError(f"names a file that cannot be read: {reason or 'no text'}") from None


def doubt_policy(settings: Settings) -> DoubtPolicy:
    """Return how doubts are settled."""
    return DoubtPolicy(
        delivery=Delivery(settings.delivery),
        grace=timedelta(seconds=settings.delivery_grace_s),
        looks_up=settings.reports,
        tries_max=settings.tries_max,
    )


def media_url(settings: Settings) -> str:
    """Return where hosted files are found, their names behind it; empty where none are."""
    return f"{settings.public_url}/media/" if settings.public_url else ""


def receipt_rules(settings: Settings) -> ReceiptRules:
    """Return what receipts mean, and how often a message is submitted anew."""
    backoff = RetryPolicy(first_s=settings.resend_wait_s, longest_s=3600.0)
    return ReceiptRules(
        resend=ResendPolicy(settings.resends_max, backoff),
        classes={code: FailureClass(kind) for code, kind in settings.receipt_classes.items()},
        media_url=media_url(settings),
    )


def reply_settings(settings: Settings) -> ReplySettings:
    """Return how replies are taken."""
    return ReplySettings(
        scope=OptOutScope(settings.opt_out_scope),
        answerers={SenderKind(kind): Answerer(who) for kind, who in settings.answerers.items()},
        contact=settings.contact,
        consent=consent_policy(settings),
    )


def marketing_rules(settings: Settings) -> MarketingRules:
    """Return what advertising must have."""
    every = {"monthly": MONTHLY, "always": timedelta(0)}.get(settings.opt_out_wording)
    return MarketingRules(
        consent=consent_policy(settings),
        wording=settings.opt_out_wording != "off",
        every=every,
        language=Language(settings.language),
    )


def consent_policy(settings: Settings) -> ConsentPolicy:
    """Return which consents allow what."""
    return ConsentPolicy(WithoutConsent(settings.without_consent), settings.double_opt_in)


def first_sender(settings: Settings) -> Sender | None:
    """Return the sender that the settings name, if they name one.

    Raises:
        SettingsInvalid: the number cannot send to phones of the US.
    """
    number = settings.vonage_sender_number
    if number is None:
        return None
    kind = sender_kind(number)
    if kind is None:
        raise SettingsInvalid(
            ["VONAGE_SENDER_NUMBER: must be a US or Canadian number or a short code, to send MMS"]
        )
    return Sender(
        number=number,
        tenant_id=DEFAULT_TENANT,
        campaign_id=DEFAULT_CAMPAIGN,
        account_id=DEFAULT_ACCOUNT,
        kind=kind.value,
    )
