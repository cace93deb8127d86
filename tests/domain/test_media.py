"""Budgets, how attachments share one, and how long a fetched file stays fresh."""

from datetime import UTC, datetime, timedelta

import pytest

from wirephoto.domain.media import (
    FRESH_BY_DEFAULT,
    FRESH_MAX,
    MediaKind,
    Profile,
    Target,
    budget_bytes,
    fresh_until,
    share_budget,
)
from wirephoto.domain.phone import SenderKind

NOW = datetime(2026, 3, 5, 16, tzinfo=UTC)
BUDGETS = {"10dlc": 600_000, "toll_free": 500_000, "short_code": 600_000, "fast": 150_000}


@pytest.mark.parametrize(
    ("sender", "profile", "expected"),
    [
        (SenderKind.TEN_DLC, Profile.STANDARD, 596_000),
        (SenderKind.TOLL_FREE, Profile.STANDARD, 496_000),
        (SenderKind.TOLL_FREE, Profile.FAST, 146_000),
    ],
)
def test_a_budget_leaves_room_for_the_rest_of_the_message(sender, profile, expected):
    """Caption, layout and headers count too at the carrier."""
    assert budget_bytes(BUDGETS, sender=sender, profile=profile) == expected


def test_fast_never_gives_more_than_the_sender_has():
    """An operator may have lowered the sender's own budget."""
    budgets = BUDGETS | {"toll_free": 100_000}

    assert budget_bytes(budgets, sender=SenderKind.TOLL_FREE, profile=Profile.FAST) == 96_000


@pytest.mark.parametrize(
    ("sizes", "fixed", "expected"),
    [
        ([900_000], [False], [600_000]),
        ([100_000], [False], [100_000]),
        ([900_000, 900_000, 100_000], [False, False, False], [250_000, 250_000, 100_000]),
        ([900_000, 400_000], [False, True], [200_000, 400_000]),
        ([900_000, 650_000], [False, True], None),
        ([900_000, 595_000], [False, True], None),
        ([4_000, 595_000], [False, True], [4_000, 595_000]),
        ([600_000], [True], [600_000]),
        ([], [], []),
    ],
)
def test_attachments_share_one_budget(sizes, fixed, expected):
    """What needs little keeps its size, what cannot shrink keeps it too, the others share."""
    assert share_budget(600_000, sizes, fixed) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, FRESH_BY_DEFAULT),
        ("public", FRESH_BY_DEFAULT),
        ("max-age=10", timedelta(seconds=10)),
        ("Public, MAX-AGE = 30", timedelta(seconds=30)),
        ("max-age=31536000, immutable", FRESH_MAX),
        ("max-age=99999999999999999999", FRESH_MAX),
        ("max-age=soon", FRESH_BY_DEFAULT),
        ("max-age=-1", FRESH_BY_DEFAULT),
        ("max-age=60, no-cache", timedelta(0)),
        ("no-store", timedelta(0)),
    ],
)
def test_a_file_stays_fresh_as_long_as_its_server_says(header, expected):
    """Within bounds: a picture that was replaced must not go out for ever."""
    assert fresh_until(header, fetched_at=NOW) == NOW + expected


def test_what_is_fitted_alike_has_one_key():
    """A thousand messages with one picture cost one fit."""
    target = Target(MediaKind.IMAGE, 596_000)

    assert target.key == Target(MediaKind.IMAGE, 596_000).key
    others = [
        Target(MediaKind.IMAGE, 496_000),
        Target(MediaKind.VIDEO, 596_000),
        Target(MediaKind.IMAGE, 596_000, background="#000000"),
        Target(MediaKind.IMAGE, 596_000, still_allowed=True),
    ]
    assert len({target.key, *(other.key for other in others)}) == 5
