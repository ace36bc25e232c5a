"""The service's tests. They pass with the pinned versions and with the updated ones."""

import datetime
import http.server
import json
import socket
import threading
import urllib.request

import jwt
import pytest
import waitress.server

from payments.app import create_app

SECRET = "only-for-the-tests-0123456789abcdef"
PAYMENT = {"amount": "12.50", "currency": "CHF", "card": "tok_visa"}


def no_loopback():
    """Whether not even a listener on loopback is allowed, as in the weakest isolation."""
    try:
        socket.create_server(("127.0.0.1", 0)).close()
    except OSError:
        return True
    return False


listens = pytest.mark.skipif(no_loopback(), reason="no socket is allowed here")


@pytest.fixture(name="app")
def make_app():
    return create_app({"SECRET": SECRET})


@pytest.fixture(name="client")
def make_client(app):
    return app.test_client()


def token(sub="ana", secret=SECRET, minutes=5, **more):
    now = datetime.datetime.now(datetime.timezone.utc)
    claims = {"sub": sub, "exp": now + datetime.timedelta(minutes=minutes), **more}
    return jwt.encode(claims, secret, algorithm="HS256")


def headers(key="k-1", **more):
    return {"Authorization": "Bearer " + token(**more), "Idempotency-Key": key}


def test_health(client):
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.get_json()["status"] == "ok"


def test_pay_and_receipt(client):
    paid = client.post("/payments", json=PAYMENT, headers=headers())
    assert paid.status_code == 201
    assert paid.get_json()["amount"] == "12.50"
    page = client.get(f"/payments/{paid.get_json()['number']}/receipt", headers=headers())
    assert page.status_code == 200
    assert "ana paid 12.50 CHF" in page.get_data(as_text=True)
    assert "Signature valid." in page.get_data(as_text=True)


def test_repeated_request_pays_once(client):
    first = client.post("/payments", json=PAYMENT, headers=headers())
    again = client.post("/payments", json=PAYMENT, headers=headers())
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json()
    other = client.post("/payments", json={**PAYMENT, "amount": "13"}, headers=headers())
    assert other.status_code == 409
    assert client.get("/health").get_json()["payments"] == 1


def test_receipt_of_somebody_else(client):
    number = client.post("/payments", json=PAYMENT, headers=headers()).get_json()["number"]
    assert client.get(f"/payments/{number}/receipt", headers=headers(sub="bob")).status_code == 404


def test_receipt_escapes_names(client):
    who = "<script>alert(1)</script>"
    number = client.post("/payments", json=PAYMENT, headers=headers(sub=who)).get_json()["number"]
    page = client.get(f"/payments/{number}/receipt", headers=headers(sub=who)).get_data(as_text=True)
    assert "<script>" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize(
    "change",
    [{"amount": "0"}, {"amount": "NaN"}, {"amount": "1.001"}, {"amount": "ten"}, {"currency": "XXX"}, {"card": "4111111111111111"}],
)
def test_refused_payments(client, change):
    answer = client.post("/payments", json={**PAYMENT, **change}, headers=headers())
    assert answer.status_code == 400
    assert next(iter(change)) in answer.get_json()["error"]


def test_refused_bodies(client):
    assert client.post("/payments", data="no json", headers=headers()).status_code == 400
    nothing = {"Authorization": "Bearer " + token()}
    assert client.post("/payments", json=PAYMENT, headers=nothing).status_code == 400


@pytest.mark.parametrize(
    "value",
    ["", "Basic abc", "Bearer", "Bearer x.y.z", "Bearer " + token(secret="another-secret-0123456789abcdef"), "Bearer " + token(minutes=-5)],
    ids=["none", "basic", "empty", "broken", "another-secret", "expired"],
)
def test_refused_tokens(client, value):
    answer = client.post("/payments", json=PAYMENT, headers={"Authorization": value, "Idempotency-Key": "k"})
    assert answer.status_code == 401


def test_token_without_expiry(client):
    forever = jwt.encode({"sub": "ana"}, SECRET, algorithm="HS256")
    answer = client.post("/payments", json=PAYMENT, headers={"Authorization": "Bearer " + forever, "Idempotency-Key": "k"})
    assert answer.status_code == 401


class CardGateway(http.server.BaseHTTPRequestHandler):
    """A card gateway on loopback that declines one card."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(402 if body["card"] == "tok_declined" else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"reference": "gw-" + body["amount"]}).encode())

    def log_message(self, *args):
        pass


@pytest.fixture(name="gateway_url")
def run_gateway():
    with http.server.HTTPServer(("127.0.0.1", 0), CardGateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/charge"
        server.shutdown()


@listens
def test_charges_at_the_gateway(gateway_url):
    client = create_app({"SECRET": SECRET, "GATEWAY_URL": gateway_url}).test_client()
    assert client.post("/payments", json=PAYMENT, headers=headers()).get_json()["reference"] == "gw-12.50"
    declined = client.post("/payments", json={**PAYMENT, "card": "tok_declined"}, headers=headers(key="k-2"))
    assert declined.status_code == 502
    assert client.get("/health").get_json()["payments"] == 1


@listens
def test_served_by_waitress(app):
    server = waitress.server.create_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.effective_port}/health", timeout=10) as answer:
            assert json.load(answer)["status"] == "ok"
    finally:
        server.close()
        thread.join(timeout=10)
