"""The HTTP side: health, payments, receipts."""

from decimal import Decimal, InvalidOperation

from flask import Flask, jsonify, render_template, request

from . import __version__ as version
from .gateway import Gateway, GatewayError
from .ledger import Duplicate, Ledger
from .receipts import Signer
from .tokens import Unauthorized, read_token

CURRENCIES = ("CHF", "EUR", "GBP", "USD")


class Refused(Exception):
    """The request cannot be accepted; says why, and with which HTTP status."""

    def __init__(self, reason, status=400):
        super().__init__(reason)
        self.reason = reason
        self.status = status


def create_app(config=None):
    """Makes the application. config: SECRET (of the tokens), GATEWAY_URL (where cards are charged)."""
    app = Flask(__name__)
    app.config.update(SECRET="only-for-the-demo-0123456789abcdef", GATEWAY_URL=None)
    app.config.update(config or {})
    ledger, signer = Ledger(), Signer()
    gateway = Gateway(app.config["GATEWAY_URL"])

    @app.errorhandler(Refused)
    def refused(err):
        return jsonify(error=err.reason), err.status

    @app.get("/health")
    def health():
        return jsonify(status="ok", version=version, payments=len(ledger))

    @app.post("/payments")
    def pay():
        who = caller(app)
        amount, currency, card, key = read_payment()
        try:
            payment, is_new = ledger.open(key, who, amount, currency)
        except Duplicate as err:
            raise Refused(str(err), 409) from err
        if is_new:
            try:
                payment["reference"] = gateway.charge(card, amount, currency)
            except GatewayError as err:
                ledger.forget(key)
                raise Refused(str(err), 502) from err
            payment["signature"] = signer.sign(payment)
        return jsonify(payment), 201 if is_new else 200

    @app.get("/payments/<int:number>/receipt")
    def receipt(number):
        payment = ledger.get(number)
        if payment is None or payment["payer"] != caller(app):
            raise Refused("no such payment", 404)
        return render_template("receipt.html", payment=payment, valid=signer.check(payment))

    return app


def caller(app):
    """The subject of the bearer token."""
    try:
        return read_token(request.headers.get("Authorization", ""), app.config["SECRET"])
    except Unauthorized as err:
        raise Refused(str(err), 401) from err


def read_payment():
    """Reads and checks the body and the idempotency key."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused("the body must be a JSON object")
    try:
        amount = Decimal(str(body.get("amount")))
    except InvalidOperation as err:
        raise Refused("amount must be a decimal number") from err
    if not amount.is_finite() or amount <= 0 or amount.as_tuple().exponent < -2:
        raise Refused("amount must be positive, with at most two decimals")
    currency = body.get("currency")
    if currency not in CURRENCIES:
        raise Refused("currency must be one of " + ", ".join(CURRENCIES))
    card = body.get("card")
    if not isinstance(card, str) or not card.startswith("tok_"):
        raise Refused("card must be a token (tok_…), never a number")
    key = request.headers.get("Idempotency-Key")
    if not key:
        raise Refused("the header Idempotency-Key is missing")
    return amount, currency, card, key
