"""An environment with nothing in it, and ways to load settings from it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from wirephoto.config import VARIABLES, Role, Settings, load_settings
from wirephoto.errors import SettingsInvalid

NO_ROLES: frozenset[Role] = frozenset()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's shell has set must not decide a test."""
    for name in list(os.environ):
        if name in VARIABLES or name.startswith("WIREPHOTO_"):
            monkeypatch.delenv(name)


@pytest.fixture
def load() -> Callable[..., Settings]:
    """Loads settings, of a process without roles and without a file unless told otherwise."""
    return _load


def _load(
    overrides: dict[str, Any] | None = None,
    *,
    env_file: Path | None = None,
    roles: frozenset[Role] | None = NO_ROLES,
) -> Settings:
    return load_settings(overrides, env_file=env_file, roles=roles)


@pytest.fixture
def faults_of() -> Callable[..., list[str]]:
    """Loads settings that must be refused, and returns the faults."""
    return _faults_of


def _faults_of(
    overrides: dict[str, Any] | None = None,
    *,
    env_file: Path | None = None,
    roles: frozenset[Role] | None = NO_ROLES,
) -> list[str]:
    with pytest.raises(SettingsInvalid) as refused:
        _load(overrides, env_file=env_file, roles=roles)
    assert str(refused.value) == "; ".join(refused.value.faults)
    return refused.value.faults


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def pem(rsa_key: rsa.RSAPrivateKey) -> str:
    return rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
