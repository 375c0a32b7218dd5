"""The vault: what is sealed opens at its place only, and only with the key that sealed it."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import vault
from node.errors import SealBroken, VaultUnusable
from node.vault import Place, Vault

KEY = bytes(range(32))
PLACE = Place("DK10000000427", "hits", "content", "7")


@given(st.binary(max_size=300))
def test_what_is_sealed_opens_at_its_place(plain: bytes) -> None:
    assert vault.unseal(KEY, vault.seal(KEY, plain, PLACE), PLACE) == plain


@pytest.mark.parametrize("part", ["owner", "table", "column", "row"])
def test_a_seal_that_is_moved_to_another_place_does_not_open(part: str) -> None:
    sealed = vault.seal(KEY, b"a name", PLACE)
    with pytest.raises(SealBroken):
        vault.unseal(KEY, sealed, replace(PLACE, **{part: "other"}))


def test_places_whose_parts_run_together_differ() -> None:
    sealed = vault.seal(KEY, b"a name", Place("ab", "c", "d"))
    with pytest.raises(SealBroken):
        vault.unseal(KEY, sealed, Place("a", "bc", "d"))


@given(st.integers(0, 60), st.integers(1, 255))
def test_a_changed_byte_anywhere_is_found(at: int, change: int) -> None:
    sealed = bytearray(vault.seal(KEY, b"x" * 32, PLACE))
    sealed[at % len(sealed)] ^= change
    with pytest.raises(SealBroken):
        vault.unseal(KEY, bytes(sealed), PLACE)


@given(st.binary(max_size=40))
def test_arbitrary_bytes_do_not_open(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        vault.unseal(KEY, sealed, PLACE)


def test_two_seals_of_one_value_differ() -> None:
    assert vault.seal(KEY, b"same", PLACE) != vault.seal(KEY, b"same", PLACE)


def test_a_data_key_opens_for_its_owner_and_under_its_vault_only() -> None:
    ours, theirs = Vault(KEY), Vault(bytes(32))
    wrapped = ours.wrap("DK1A", KEY[::-1])
    assert ours.unwrap("DK1A", wrapped) == KEY[::-1]
    with pytest.raises(SealBroken):
        ours.unwrap("DK1B", wrapped)
    with pytest.raises(SealBroken):
        theirs.unwrap("DK1A", wrapped)


def test_the_derived_keys_differ_from_each_other_and_from_the_kek() -> None:
    ours = Vault(KEY)
    assert len({KEY, ours.audit_key, ours.node_key, ours.digest(b"")}) == 4


def test_digests_tell_contents_apart_and_need_the_key() -> None:
    assert Vault(KEY).digest(b"a") == Vault(KEY).digest(b"a") != Vault(KEY).digest(b"b")
    assert Vault(KEY).digest(b"a") != Vault(bytes(32)).digest(b"a")


def test_a_created_key_file_is_the_owners_alone_and_opens(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    vault.create_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sealed = vault.open_vault(path).wrap("DK1A", KEY)
    assert vault.open_vault(path).unwrap("DK1A", sealed) == KEY


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    vault.create_key_file(path)
    before = path.read_bytes()
    with pytest.raises(VaultUnusable, match="never overwritten"):
        vault.create_key_file(path)
    assert path.read_bytes() == before


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    vault.create_key_file(path)
    path.chmod(0o640)
    with pytest.raises(VaultUnusable, match="chmod 600"):
        vault.open_vault(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no key",
        vault.KEY_FILE_MAGIC + b"zz" * 32,
        vault.KEY_FILE_MAGIC + b"00" * 31,
        vault.KEY_FILE_MAGIC + b"00" * 33,
        b"eurodac-kek-2\n" + b"00" * 32,
    ],
)
def test_anything_but_a_key_file_is_refused_without_telling_its_content(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "vault.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(VaultUnusable, match="not a key file"):
        vault.open_vault(path)


def test_a_missing_key_file_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(VaultUnusable, match="vault init"):
        vault.open_vault(tmp_path / "vault.key")


def test_a_vault_does_not_show_its_key() -> None:
    assert KEY.hex() not in repr(Vault(KEY))
