"""Signed notes and their keys."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.log.errors import InvalidSignatureError, MalformedError, UnknownKeyError
from ledger.proof.log.note import (
    COSIGNATURE_V1,
    ED25519,
    SMALL_ORDER_Y,
    Signature,
    VerifierKey,
    cosigned_text,
    open_note,
    parse_note,
    parse_verifier_key,
)
from ledger.proof.log.signer import SignerKey, format_note, parse_signer_key, sign_note

TEXT = "ledger.example/renewals\n5\nOWzC8+pXpLvOMYsH2CT91q0pLUsT6Q9WrpQRsWTbETY=\n"
VKEY = "ledger.example/renewals+a05394b1+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
LINE = (
    "— ledger.example/renewals "
    "oFOUsS3KfjWHJI3/6pI9w0FU7SgOJ9IbTAgwUdTjsTuxozGkThMql2i+LoYy8rGViYOkVW77Po13ZU9iRLXkrELmkwE=\n"
)
LOG = SignerKey("ledger.example/renewals", ED25519, bytes(range(32)))
OTHER = SignerKey("other.example", ED25519, b"o" * 32)
WITNESS = SignerKey("witness.example/w1", COSIGNATURE_V1, b"w" * 32)
NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Z"), blacklist_characters="+"), min_size=1, max_size=40
)
KEYS = st.builds(SignerKey, NAMES, st.just(ED25519), st.binary(min_size=32, max_size=32))
LINES = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)
TEXTS = st.lists(LINES, min_size=1, max_size=5).map(lambda lines: "".join(f"{line}\n" for line in lines))


def test_the_published_example_is_written_and_opened() -> None:
    assert str(LOG.verifier) == VKEY
    message = sign_note(TEXT, LOG)
    assert message == f"{TEXT}\n{LINE}".encode()
    note = open_note(message, [parse_verifier_key(VKEY)])
    assert note.text == TEXT
    assert [key for key, _ in note.verified] == [LOG.verifier]
    assert note.unverified == ()


def test_the_example_of_the_go_package_opens() -> None:
    message = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
    )
    key = parse_verifier_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    note = open_note(message.encode(), [key])
    assert [signature.name for _, signature in note.verified] == ["PeterNeumann"]
    assert [signature.name for signature in note.unverified] == ["EnochRoot"]
    signer = parse_signer_key("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
    assert signer.verifier == key
    assert sign_note(note.text, signer) == format_note(note.text, [note.verified[0][1]])


@given(TEXTS, st.lists(KEYS, min_size=1, max_size=4, unique_by=lambda key: key.name))
def test_every_note_opens_as_it_was_signed(text: str, keys: list[SignerKey]) -> None:
    message = sign_note(text, *keys)
    note = open_note(message, [key.verifier for key in keys])
    assert note.text == text
    assert [key for key, _ in note.verified] == [key.verifier for key in keys]
    assert format_note(note.text, [signature for _, signature in note.verified]) == message


@given(KEYS)
def test_keys_are_read_as_written(key: SignerKey) -> None:
    assert parse_signer_key(key.encoded()) == key
    assert parse_verifier_key(str(key.verifier)) == key.verifier
    assert key.encoded() not in repr(key)
    assert repr(key.seed) not in repr(key)


@given(st.one_of(st.text(max_size=100), st.text("PRIVATEKY+abc01=/", max_size=100)))
def test_reading_a_key_never_crashes(encoded: str) -> None:
    for parse in (parse_verifier_key, parse_signer_key):
        with pytest.raises(MalformedError):
            parse(encoded)


@given(st.one_of(st.binary(max_size=200), st.text("\n— aA=+/0é", max_size=100).map(str.encode)))
def test_reading_a_note_never_crashes(message: bytes) -> None:
    try:
        text, signatures = parse_note(message)
    except MalformedError:
        return
    assert (text + "\n" + "".join(signature.line for signature in signatures)).encode() == message


@pytest.mark.parametrize(
    "encoded",
    [
        VKEY[:-1], VKEY + "=", VKEY.replace("a05394b1", "A05394B1"), VKEY.replace("a05394b1", "a05394b2"),
        VKEY.replace("+AQ", "+Ag"), VKEY.replace("+AQ", "+BQ"), VKEY.replace("/renewals", "/renewals "), VKEY + "\n",
        VKEY.replace("ledger.example/renewals", ""), VKEY.replace("+AQOh", "+\nAQOh"), VKEY[:-4], "", "+", "++",
    ],
)  # fmt: skip
def test_verifier_keys_in_another_form_are_refused(encoded: str) -> None:
    with pytest.raises(MalformedError):
        parse_verifier_key(encoded)


def test_no_error_shows_a_private_key() -> None:
    secret = base64.b64encode(b"\x01" + b"s" * 32).decode()
    for encoded in (f"PRIVATE+KEY+name+00000000+{secret}", f"PRIVATE+KEY+name+0+{secret}", f"PRIVATE+KEX+n+0+{secret}"):
        with pytest.raises(MalformedError) as caught:
            parse_signer_key(encoded)
        assert secret[:20] not in str(caught.value)
        assert (b"s" * 32).hex() not in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        f"{TEXT}{LINE}", f"{TEXT}\n{LINE}"[:-1], f"{TEXT}\n", f"{TEXT}\n\n{LINE}x", f"{TEXT}\n{LINE}\n", "", "\n\n",
        f"{TEXT}\n-{LINE[1:]}", f"{TEXT}\n{LINE.replace(' o', '  o')}", f"{TEXT}\n{LINE.replace(' o', ' p o')}",
        f"{TEXT}\r\n{LINE}", f"\t{TEXT}\n{LINE}", f"\0{TEXT}\n{LINE}", f"{TEXT}\n{LINE.replace('E=', 'F=')}",
        f"{TEXT}\n{LINE.replace('=', '')}", f"{TEXT}\n— name AAAAAA==\n", f"{TEXT}\n— name \n",
        f"{TEXT}\n— a+b AAAAAAA=\n",
        f"{TEXT}\n—  AAAAAAA=\n", f"{TEXT}\n" + LINE * 101, f"{TEXT}\n— a\xa0b AAAAAAA=\n",
        f"{TEXT}\n— a\u3000b AAAAAAA=\n",
    ],
)  # fmt: skip
def test_notes_in_another_form_are_refused(message: str) -> None:
    with pytest.raises(MalformedError):
        open_note(message.encode(), [LOG.verifier])


def test_notes_that_are_not_utf8_or_too_long_are_refused() -> None:
    for message in (b"\xff" + sign_note(TEXT, LOG), b"x" * 1_000_001):
        with pytest.raises(MalformedError, match="signed note"):
            open_note(message, [LOG.verifier])


def test_a_note_signed_by_unknown_keys_only_is_refused() -> None:
    with pytest.raises(UnknownKeyError, match=r"other\.example"):
        open_note(sign_note(TEXT, OTHER), [LOG.verifier])
    with pytest.raises(UnknownKeyError):
        open_note(sign_note(TEXT, LOG), [])


def test_a_key_of_the_same_name_with_another_id_is_unknown() -> None:
    impostor = SignerKey(LOG.name, ED25519, b"i" * 32)
    note = open_note(sign_note(TEXT, impostor, LOG), [LOG.verifier])
    assert len(note.verified) == len(note.unverified) == 1


def test_one_false_signature_by_a_known_key_refuses_the_whole_note() -> None:
    false = Signature(LOG.name, LOG.verifier.key_id, bytes(64))
    message = format_note(TEXT, [OTHER.sign(TEXT.encode()), false])
    with pytest.raises(InvalidSignatureError, match="a05394b1"):
        open_note(message, [LOG.verifier, OTHER.verifier])
    assert open_note(message, [OTHER.verifier]).unverified == (false,)


@pytest.mark.parametrize("length", [1, 63, 65])
def test_signatures_of_another_length_are_false(length: int) -> None:
    message = format_note(TEXT, [Signature(LOG.name, LOG.verifier.key_id, bytes(length))])
    with pytest.raises(InvalidSignatureError):
        open_note(message, [LOG.verifier])


def test_repeated_signatures_count_once_and_the_first_of_a_known_key_decides() -> None:
    right, other = LOG.sign(TEXT.encode()), OTHER.sign(TEXT.encode())
    false = Signature(LOG.name, LOG.verifier.key_id, bytes(64))
    lines = [right, false, right, other, other, Signature(OTHER.name, OTHER.verifier.key_id, bytes(64))]
    message = (TEXT + "\n" + "".join(signature.line for signature in lines)).encode()
    note = open_note(message, [LOG.verifier])
    assert [signature for _, signature in note.verified] == [right]
    assert note.unverified == (other, lines[-1])


def test_two_known_keys_of_one_name_and_id_are_ambiguous_only_when_used() -> None:
    twice = [LOG.verifier, VerifierKey(LOG.name, LOG.verifier.signature_type, LOG.verifier.public_key)]
    with pytest.raises(MalformedError, match="2 known keys"):
        open_note(sign_note(TEXT, LOG), twice)
    open_note(sign_note(TEXT, OTHER), [*twice, OTHER.verifier])


def test_the_last_empty_line_ends_the_text() -> None:
    text = "one\n\n\n— not a signature\n\n"
    assert open_note(sign_note(text, LOG), [LOG.verifier]).text == text


def test_text_without_a_final_newline_cannot_be_signed() -> None:
    for text in ("", "line", "line\n\t\n"):
        with pytest.raises(MalformedError):
            sign_note(text, LOG)


def test_a_cosignature_holds_its_time_and_no_other() -> None:
    cosignature = WITNESS.sign(TEXT.encode(), 1_679_315_147)
    assert cosigned_text(TEXT.encode(), 1_679_315_147).startswith(b"cosignature/v1\ntime 1679315147\nledger.example/")
    message = format_note(TEXT, [LOG.sign(TEXT.encode()), cosignature])
    note = open_note(message, [LOG.verifier, WITNESS.verifier])
    assert [(key.name, line.time_s) for key, line in note.verified][1] == ("witness.example/w1", 1_679_315_147)
    later = Signature(
        cosignature.name, cosignature.key_id, (1_679_315_148).to_bytes(8, "big") + cosignature.signature[8:]
    )
    with pytest.raises(InvalidSignatureError):
        open_note(format_note(TEXT, [later]), [WITNESS.verifier])


def test_a_plain_signature_is_no_cosignature_nor_the_other_way_round() -> None:
    plain = SignerKey(WITNESS.name, ED25519, WITNESS.seed)
    assert plain.verifier.key_id != WITNESS.verifier.key_id
    signature = plain.sign(TEXT.encode()).signature
    assert not WITNESS.verifier.verifies(TEXT.encode(), bytes(8) + signature)
    assert not plain.verifier.verifies(TEXT.encode(), WITNESS.sign(TEXT.encode(), 1).signature[8:])
    for key, time_s in ((plain, 1), (WITNESS, None)):
        with pytest.raises(MalformedError, match="time of the signature"):
            key.sign(TEXT.encode(), time_s)


def test_a_cosignature_from_beyond_the_end_of_time_is_false() -> None:
    raw = SignerKey("x", ED25519, WITNESS.seed).sign(cosigned_text(TEXT.encode(), 2**63)).signature
    assert not WITNESS.verifier.verifies(TEXT.encode(), (2**63).to_bytes(8, "big") + raw)


def test_openssl_verifies_the_raw_signatures(openssl: str, tmp_path: Path) -> None:
    spki_prefix = bytes.fromhex("302a300506032b6570032100")
    time_s = 1_679_315_147
    for signer, signed, signature in (
        (LOG, TEXT.encode(), LOG.sign(TEXT.encode()).signature),
        (WITNESS, cosigned_text(TEXT.encode(), time_s), WITNESS.sign(TEXT.encode(), time_s).signature[8:]),
    ):
        (tmp_path / "key").write_bytes(spki_prefix + signer.verifier.public_key)
        (tmp_path / "text").write_bytes(signed)
        (tmp_path / "signature").write_bytes(signature)
        command = [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", "key", "-keyform", "DER", "-rawin"]
        command += ["-in", "text", "-sigfile", "signature"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
        (tmp_path / "text").write_bytes(signed + b"x")
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


SMALL_ORDER = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
"""One encoding for each second coordinate of the eight points of small order, as libsodium lists them."""
NOT_CANONICAL = tuple((2**255 - 19 + n).to_bytes(32, "little").hex() for n in range(19))


@pytest.mark.parametrize("encoded", [*SMALL_ORDER, *NOT_CANONICAL])
@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize("signature_type", [ED25519, COSIGNATURE_V1])
def test_a_point_that_binds_nobody_is_no_key(encoded: str, sign: int, signature_type: int) -> None:
    public_key = bytearray.fromhex(encoded)
    public_key[31] |= sign
    with pytest.raises(MalformedError, match="binds nobody"):
        VerifierKey("ledger.example/renewals", signature_type, bytes(public_key))


def test_the_listed_points_are_of_small_order() -> None:
    """Added to themselves three times they are the neutral point; arithmetic of RFC 8032, 5.1.4, in plain numbers."""
    field = 2**255 - 19
    d = -121665 * pow(121666, -1, field) % field

    def added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
        (x1, y1), (x2, y2) = one, other
        product = d * x1 * x2 * y1 * y2 % field
        x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, field) % field
        return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, field) % field

    for y in SMALL_ORDER_Y:
        square = (y * y - 1) * pow(d * y * y + 1, -1, field) % field
        x = pow(square, (field + 3) // 8, field)
        if x * x % field != square:
            x = x * pow(2, (field - 1) // 4, field) % field
        assert x * x % field == square
        point = (x, y)
        for _ in range(3):
            point = added(point, point)
        assert point == (0, 1)
