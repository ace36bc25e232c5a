"""Receipts are signed, so that a customer can prove one."""

import hashlib

from ecdsa import NIST256p, BadSignatureError, SigningKey


class Signer:
    """Signs with a key made at start."""

    def __init__(self):
        self._key = SigningKey.generate(curve=NIST256p, hashfunc=hashlib.sha256)

    def sign(self, payment):
        return self._key.sign(_text(payment)).hex()

    def check(self, payment):
        try:
            return self._key.verifying_key.verify(bytes.fromhex(payment["signature"]), _text(payment))
        except (BadSignatureError, KeyError, ValueError):
            return False


def _text(payment):
    return "|".join(str(payment[f]) for f in ("number", "payer", "amount", "currency", "reference")).encode()
