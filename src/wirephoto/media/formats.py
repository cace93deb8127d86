"""What the provider takes, and what to do about the rest."""

from collections.abc import Mapping
from types import MappingProxyType

from wirephoto.domain.media import MediaKind

FORMATS: Mapping[MediaKind, frozenset[str]] = MappingProxyType(
    {
        MediaKind.IMAGE: frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp"}),
        MediaKind.VIDEO: frozenset({"video/mp4", "video/3gpp", "video/x-msvideo", "video/mpeg"}),
        MediaKind.AUDIO: frozenset(
            {"audio/mpeg", "audio/amr", "audio/midi", "audio/wav", "audio/ac3"}
        ),
        MediaKind.VCARD: frozenset({"text/vcard"}),
    }
)
"""What the provider takes (contract 1.4); for files it names no formats, so any passes."""

REMEDIES: Mapping[MediaKind, str] = MappingProxyType(
    {
        MediaKind.IMAGE: "Pictures are sent as JPEG, PNG, GIF or BMP: convert it, best to JPEG.",
        MediaKind.VIDEO: "Videos are sent as MP4, 3GP, AVI or MPEG: convert it, best to MP4.",
        MediaKind.AUDIO: "Sound is sent as MP3, AMR, MIDI, WAV or AC3: convert it, best to MP3.",
        MediaKind.VCARD: "A contact is sent as a vCard (.vcf) file.",
    }
)
