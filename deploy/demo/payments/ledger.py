"""Payments made, in memory: the demo has no database."""

import itertools
import threading


class Duplicate(Exception):
    """The idempotency key was used for another payment."""


class Ledger:
    """Keeps payments by number, and by idempotency key so that none is made twice."""

    def __init__(self):
        self._numbers = itertools.count(1)
        self._by_key = {}
        self._lock = threading.Lock()

    def __len__(self):
        return len(self._by_key)

    def open(self, key, payer, amount, currency):
        """Returns (payment, True) for a new one, (the earlier one, False) for a repeated request."""
        wanted = {"payer": payer, "amount": str(amount), "currency": currency}
        with self._lock:
            known = self._by_key.get((payer, key))
            if known is None:
                payment = {"number": next(self._numbers), "reference": None, **wanted}
                self._by_key[(payer, key)] = payment
                return payment, True
        if any(known[field] != value for field, value in wanted.items()):
            raise Duplicate("this Idempotency-Key was used for another payment")
        return known, False

    def forget(self, key):
        """Removes a payment that was not made."""
        with self._lock:
            for known in [k for k in self._by_key if k[1] == key and self._by_key[k]["reference"] is None]:
                del self._by_key[known]

    def get(self, number):
        return next((p for p in self._by_key.values() if p["number"] == number), None)
