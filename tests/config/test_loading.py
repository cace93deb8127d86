"""Where settings come from, what goes together, and that no fault hides another."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from wirephoto.config import ALL_ROLES, Role, Settings, load_settings

APPLICATION_ID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


Load = Callable[..., Settings]
FaultsOf = Callable[..., list[str]]


def test_flags_win_over_the_environment_and_that_over_the_file(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    env_file: Path,
) -> None:
    """Whoever starts the process has the last word, without editing files."""
    env_file.write_text("HOST=10.0.0.1\nPORT=1001\nWIREPHOTO_TRIES_MAX=3\n")
    monkeypatch.setenv("PORT", "1002")
    monkeypatch.setenv("HOST", "10.0.0.2")

    settings = load({"host": "10.0.0.3", "port": None}, env_file=env_file)

    assert (settings.host, settings.port, settings.tries_max) == ("10.0.0.3", 1002, 3)


def test_an_empty_value_is_as_good_as_none(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    env_file: Path,
) -> None:
    """Templates carry `NAME=` for what the reader may fill in."""
    env_file.write_text("PORT=1001\nPUBLIC_URL=\nWIREPHOTO_SECRET=''\n")
    monkeypatch.setenv("PORT", "")

    settings = load(env_file=env_file)

    assert (settings.port, settings.public_url, settings.secret) == (1001, None, ())


def test_a_gateway_that_only_sends_needs_little(load: Load, pem: str) -> None:
    """The first start must not be an exam."""
    settings = load(
        {"vonage_application_id": APPLICATION_ID.upper(), "vonage_private_key": pem}, roles=None
    )

    assert settings.roles == ALL_ROLES
    assert settings.vonage_application_id == APPLICATION_ID
    assert settings.private_key is not None
    assert settings.private_key.get_secret_value() == pem


def test_sending_needs_an_application_and_its_key(faults_of: FaultsOf) -> None:
    """Without them every message would be refused, so the process must not start."""
    faults = faults_of(roles=None)

    assert [fault.split(":")[0] for fault in faults] == [
        "VONAGE_APPLICATION_ID",
        "VONAGE_PRIVATE_KEY_PATH",
    ]


def test_a_process_that_sends_nothing_needs_no_account(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The key that can spend money stays on the machines that send."""
    monkeypatch.setenv("WIREPHOTO_ROLES", "api, media")
    monkeypatch.setenv("WIREPHOTO_SECRET", "s" * 32)

    assert load(roles=None).roles == {Role.API, Role.MEDIA}


def test_split_roles_need_the_secret_they_share(
    faults_of: FaultsOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each process making its own would give the same phone number different hashes."""
    monkeypatch.setenv("WIREPHOTO_ROLES", "api")

    assert [fault.split(":")[0] for fault in faults_of(roles=None)] == ["WIREPHOTO_SECRET"]


def test_all_faults_come_at_once(
    faults_of: FaultsOf,
    monkeypatch: pytest.MonkeyPatch,
    env_file: Path,
) -> None:
    """Fixing settings one start at a time is how an evening goes."""
    env_file.write_text("PORT=99999\nthis is not a setting\nWIREPHOTO_SENDER_RATES=2\n")
    monkeypatch.setenv("WIREPHOTO_ACCOUNT_RATE", "fast")
    monkeypatch.setenv("VONAGE_API_KEY", "abcd1234")

    faults = faults_of({"host": "http://x"}, env_file=env_file, roles=None)

    assert sorted(fault.split(":")[0] for fault in faults) == sorted(
        [
            f"{env_file} line 2",
            "HOST",
            "PORT",
            "VONAGE_API_SECRET",
            "VONAGE_APPLICATION_ID",
            "VONAGE_PRIVATE_KEY_PATH",
            "WIREPHOTO_ACCOUNT_RATE",
            "WIREPHOTO_SENDER_RATES",
        ]
    )


def test_secrets_do_not_show_in_a_dump(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    pem: str,
) -> None:
    """Settings end up in tracebacks and debuggers."""
    hidden = {
        "VONAGE_API_KEY": "no-secret",
        "VONAGE_API_SECRET": "canary-api",
        "VONAGE_SIGNATURE_SECRET": "canary-signature",
        "WIREPHOTO_SECRET": "canary-" * 5,
        "WIREPHOTO_API_KEY": "canary-" * 4,
        "DATABASE_URL": "postgresql://user:canary@localhost/name",
        "VONAGE_PRIVATE_KEY": pem,
    }
    for name, value in hidden.items():
        monkeypatch.setenv(name, value)

    settings = load()

    shown = f"{settings!r} {settings} {settings.model_dump()}"
    assert "canary" not in shown
    assert "BEGIN" not in shown


def test_settings_cannot_be_changed(load: Load) -> None:
    """What was checked at the start stays what is in effect."""
    settings = load()

    with pytest.raises(ValidationError):
        settings.port = 1


@pytest.mark.parametrize("variable", ["VONAGE_API_KEY", "VONAGE_API_SECRET"])
def test_api_key_and_secret_go_together(
    faults_of: FaultsOf,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    """One without the other authenticates nothing."""
    monkeypatch.setenv(variable, "canary")

    faults = faults_of()

    assert len(faults) == 1
    assert variable in faults[0]
    assert "canary" not in faults[0]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("WIREPHOTO_SENDER_RAET", "did you mean WIREPHOTO_SENDER_RATE?"),
        ("WIREPHOTO_LOGLEVEL", "did you mean WIREPHOTO_LOG_LEVEL?"),
        ("WIREPHOTO_NONSENSE_OF_A_NAME", "is not a setting"),
    ],
)
def test_a_misspelled_name_is_a_fault(
    faults_of: FaultsOf,
    monkeypatch: pytest.MonkeyPatch,
    env_file: Path,
    name: str,
    hint: str,
) -> None:
    """A setting that is silently ignored is found out in production."""
    env_file.write_text(f"{name}=canary\n")
    from_file = faults_of(env_file=env_file)
    monkeypatch.setenv(name, "canary")

    assert from_file == faults_of()
    assert len(from_file) == 1
    assert from_file[0].startswith(f"{name}: ")
    assert hint in from_file[0]
    assert "canary" not in from_file[0]


def test_names_of_tests_and_benchmarks_and_of_others_are_left_alone(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    env_file: Path,
) -> None:
    """The environment is shared; only our own names can be our typos."""
    env_file.write_text("# shared with others\nexport COMPOSE_PROJECT_NAME=x\nVONAGE_BRAND=y\n\n")
    monkeypatch.setenv("WIREPHOTO_TEST_POSTGRES_URL", "x")
    monkeypatch.setenv("WIREPHOTO_BENCH_SECONDS", "1")

    assert load(env_file=env_file).port == 3000


def test_a_malformed_env_file_gets_one_line_per_fault(faults_of: FaultsOf, env_file: Path) -> None:
    """Each with its number, and without what stands there: it may be half a secret."""
    env_file.write_text(
        'PORT=1\ncanary\n# a comment\ncanary canary=1\ncanary-name=1\n=canary\nHOST="canary\n'
    )

    faults = faults_of(env_file=env_file)

    assert faults == [f"{env_file} line {line}: is not NAME=value" for line in (2, 4, 5, 6, 7)]


def test_looking_numbers_up_needs_who_is_known_to_the_provider(
    load: Load, faults_of: FaultsOf
) -> None:
    """Found at the start of the process that prepares messages, not at the first number."""
    alone = {"look_up": "on", "secret": "x" * 40}

    faults = faults_of(alone, roles=frozenset({Role.MEDIA}))

    assert faults == [
        "VONAGE_APPLICATION_ID: is missing; WIREPHOTO_LOOK_UP needs it",
        "VONAGE_PRIVATE_KEY_PATH: is missing; WIREPHOTO_LOOK_UP needs it",
    ]
    assert load(alone, roles=frozenset({Role.API})).look_up == "on"
    assert load().look_up_refuses == ("landline", "invalid")


def test_an_env_file_that_was_asked_for_must_be_there(
    faults_of: FaultsOf,
    env_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The default one is optional: containers have none."""
    assert faults_of(env_file=env_file) == [
        f"{env_file}: cannot be read: No such file or directory"
    ]

    monkeypatch.chdir(tmp_path)
    assert load_settings(roles=frozenset()).port == 3000


def test_an_env_file_must_be_text(load: Load, faults_of: FaultsOf, env_file: Path) -> None:
    """Some editors write UTF-16, which would give nothing but strange names."""
    env_file.write_bytes("PORT=1\n".encode("utf-16"))
    assert faults_of(env_file=env_file) == [f"{env_file}: is not UTF-8 text"]

    env_file.write_bytes("PORT=1\n".encode("utf-8-sig"))
    assert load(env_file=env_file).port == 1


def test_dollar_signs_mean_nothing_special(load: Load, env_file: Path) -> None:
    """A secret with `${X}` in it must not be taken apart."""
    env_file.write_text("VONAGE_API_KEY=k\nVONAGE_API_SECRET='a${HOME}$b#c'\n")

    secret = load(env_file=env_file).vonage_api_secret

    assert secret is not None
    assert secret.get_secret_value() == "a${HOME}$b#c"
