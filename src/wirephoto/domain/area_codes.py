"""Every area code in service on +1: what it is for, whose it is, and which zones it may be in.

Source: NANPA area-code report of 5 January 2026 (481 codes). Zones differ from it where it is
coarse. Three overlays are called one zone although they share all their ground with a code that
spans two: 729 with 423 (Tennessee; facts 2.2), 930 with 812 (Indiana), 986 with 208 (Idaho).
Arizona keeps no daylight-saving time, but the Navajo Nation within 928 does. The west of the
Aleutians within 907 is an hour behind the rest of Alaska. West Wendover within 775 is on Mountain
time.

Codes that the report files under a country but that are no places are kept with what they are for:
526 to 529 and 532 (personal), 710 (the government's), and Canada's 600, 622 and 633.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "VI"})
"""States of the table that are territories: the provider's MMS does not reach them (facts 3)."""


class AreaKind(StrEnum):
    """What an area code is for."""

    GEOGRAPHIC = "geographic"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    PERSONAL = "personal"
    OTHER = "other"
    """Services of carriers and governments."""


@dataclass(frozen=True, slots=True)
class AreaCode:
    """One area code in service.

    `country` is ISO 3166-1 (None for codes shared by all of +1), `state` two letters (a province
    for Canada, None where a code serves several). `zones` are the IANA zones that a number may be
    in, from east to west; empty outside the United States and for codes that are no places.
    """

    kind: AreaKind
    country: str | None
    state: str | None
    zones: tuple[str, ...]

    @property
    def is_territory(self) -> bool:
        """Tell whether it belongs to a territory of the United States rather than a state."""
        return self.country == "US" and self.state in TERRITORIES


def find_area_code(digits: str) -> AreaCode | None:
    """Return what the three `digits` stand for, or None when they are not in service."""
    return _area_codes().get(digits)


def zones_of_state(state: str) -> tuple[str, ...]:
    """Return every zone of a state (two letters), from east to west; empty if it is none."""
    return _zones_by_state().get(state, ())


@cache
def _zones_by_state() -> dict[str, tuple[str, ...]]:
    """Return the zones of every state, from east to west."""
    found: dict[str, set[str]] = {}
    for area in _area_codes().values():
        if area.country == "US" and area.state:
            found.setdefault(area.state, set()).update(area.zones)
    return {
        state: tuple(zone for zone in _ZONES.values() if zone in zones)
        for state, zones in found.items()
    }


@cache
def _area_codes() -> dict[str, AreaCode]:
    """Return the table by area code. Parsed at first use; the codes of one line share a value."""
    table: dict[str, AreaCode] = {}
    for line in _NON_GEOGRAPHIC.strip().splitlines():
        kind, country, *codes = line.split()
        area = AreaCode(AreaKind(kind), _given(country), None, ())
        table.update(dict.fromkeys(codes, area))
    for line in _GEOGRAPHIC.strip().splitlines():
        country, state, letters, *codes = line.split()
        zones = tuple(_ZONES[letter] for letter in letters if letter != "-")
        area = AreaCode(AreaKind.GEOGRAPHIC, country, _given(state), zones)
        table.update(dict.fromkeys(codes, area))
    return table


def _given(word: str) -> str | None:
    return None if word == "-" else word


_ZONES = {
    "A": "America/Puerto_Rico",
    "E": "America/New_York",
    "C": "America/Chicago",
    "M": "America/Denver",
    "Z": "America/Phoenix",
    "P": "America/Los_Angeles",
    "K": "America/Anchorage",
    "L": "America/Adak",
    "H": "Pacific/Honolulu",
    "S": "Pacific/Pago_Pago",
    "G": "Pacific/Guam",
}

_NON_GEOGRAPHIC = """
toll_free - 800 833 844 855 866 877 888
premium - 900
personal - 500 521 522 523 524 525 526 527 528 529 532 533 538 544 566 577 588
other - 700 710
other CA 600 622 633
"""
"""Kind, country, codes."""

_GEOGRAPHIC = """
US AK KL 907
US AL C 205 251 256 334 659 938
US AR C 327 479 501 870
US AS S 684
US AZ MZ 928
US AZ Z 480 520 602 623
US CA P 209 213 279 310 323 341 350 357 369 408 415 424 442 510 530 559 562 619 626 628
US CA P 650 657 661 669 707 714 738 747 760 805 818 820 831 837 840 858 909 916 925 949
US CA P 951
US CO M 303 719 720 748 970 983
US CT E 203 475 860 959
US DC E 202 771
US DE E 302
US FL E 239 305 321 324 352 386 407 561 645 656 689 727 728 754 772 786 813 863 904 941
US FL E 954
US FL EC 448 850
US GA E 229 404 470 478 678 706 762 770 912 943
US GU G 671
US HI H 808
US IA C 319 515 563 641 712
US ID MP 208 986
US IL C 217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 861 872
US IN E 260 317 463 765
US IN EC 219 574 812 930
US KS C 316 913
US KS CM 620 785
US KY E 502 859
US KY EC 270 364 606
US LA C 225 318 337 457 504 985
US MA E 339 351 413 508 617 774 781 857 978
US MD E 227 240 301 410 443 667
US ME E 207
US MI E 231 248 269 313 517 586 616 679 734 810 947 989
US MI EC 906
US MN C 218 320 507 612 651 763 924 952
US MO C 235 314 417 557 573 636 660 816 975
US MP G 670
US MS C 228 601 662 769
US MT M 406
US NC E 252 336 472 704 743 828 910 919 980 984
US ND CM 701
US NE C 402 531
US NE CM 308
US NH E 603
US NJ E 201 551 609 640 732 848 856 862 908 973
US NM M 505 575
US NV MP 775
US NV P 702 725
US NY E 212 315 329 332 347 363 516 518 585 607 624 631 646 680 716 718 838 845 914 917
US NY E 929 934
US OH E 216 220 234 283 326 330 380 419 436 440 513 567 614 740 937
US OK C 405 539 572 580 918
US OR MP 458 541
US OR P 503 971
US PA E 215 223 267 272 412 445 484 570 582 610 717 724 814 835 878
US PR A 787 939
US RI E 401
US SC E 803 821 839 843 854 864
US SD CM 605
US TN C 615 629 731 901
US TN E 865
US TN EC 423 729 931
US TX C 210 214 254 281 325 346 361 409 430 432 469 512 621 682 713 726 737 806 817 830
US TX C 832 903 936 940 945 956 972 979
US TX CM 915
US UT M 385 435 801
US VA E 276 434 540 571 686 703 757 804 826 948
US VI A 340
US VT E 802
US WA P 206 253 360 425 509 564
US WI C 262 274 353 414 534 608 715 920
US WV E 304 681
US WY M 307
CA - - 782 867 902
CA AB - 368 403 587 780 825
CA BC - 236 250 257 604 672 778
CA MB - 204 431 584
CA NB - 428 506
CA NL - 709 879
CA ON - 226 249 289 343 365 382 416 437 519 548 613 647 683 705 742 753 807 905 942
CA QC - 263 354 367 418 438 450 468 514 579 581 819 873
CA SK - 306 474 639
AG - - 268
AI - - 264
BB - - 246
BM - - 441
BS - - 242
DM - - 767
DO - - 809 829 849
GD - - 473
JM - - 658 876
KN - - 869
KY - - 345
LC - - 758
MS - - 664
SX - - 721
TC - - 649
TT - - 868
VC - - 784
VG - - 284
"""
"""Country, state, letters of `_ZONES`, codes."""
