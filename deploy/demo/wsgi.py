"""The way in for WSGI servers: waitress-serve wsgi:app, or python wsgi.py for one on loopback."""

import os

from payments.app import create_app

app = create_app()

if __name__ == "__main__":
    from waitress import serve

    serve(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
