"""The service that people would write in an afternoon: FastAPI, sqlite3, AES-GCM.

Run by tests/load/bench.py, which compares Central OAuth with it:

    service.py fill DATABASE ACCOUNTS    writes accounts and prints their keys
    uvicorn --workers 2 service:app      with DATABASE in the environment
"""

import hashlib
import os
import secrets
import sqlite3
import sys
import threading
import time
from datetime import datetime, timezone

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import FastAPI, Header, HTTPException, Response
from pydantic import BaseModel

CIPHER = AESGCM(bytes(range(32)))
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
QUERY = """
    SELECT accounts.id, provider, account_id, display_name, status, scopes, access_token, expires_at
    FROM access_keys JOIN accounts ON accounts.id = access_keys.account
    WHERE access_keys.hash = ?
"""

app = FastAPI()
connections = threading.local()


class Account(BaseModel):
    id: str
    provider: str
    account_id: str
    display_name: str
    status: str


class Token(BaseModel):
    access_token: str
    token_type: str
    expires_at: str
    expires_in: int
    scopes: list[str]
    account: Account


def connection():
    """Returns the connection of this thread."""
    if not hasattr(connections, "opened"):
        connections.opened = sqlite3.connect(os.environ["DATABASE"])
    return connections.opened


@app.get("/v1/token")
async def token(response: Response, authorization: str = Header()) -> Token:
    key_hash = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()
    row = connection().execute(QUERY, (key_hash,)).fetchone()
    if row is None:
        raise HTTPException(401)
    id, provider, account_id, name, status, scopes, sealed, expires_at = row
    response.headers.update(HEADERS | {"x-request-id": secrets.token_hex(8)})
    return Token(
        access_token=CIPHER.decrypt(sealed[:12], sealed[12:], account_id.encode()).decode(),
        token_type="Bearer",
        expires_at=datetime.fromtimestamp(expires_at, timezone.utc).isoformat(),
        expires_in=int(expires_at - time.time()),
        scopes=scopes.split(),
        account=Account(
            id=str(id), provider=provider, account_id=account_id, display_name=name, status=status
        ),
    )


def fill(path, accounts):
    database = sqlite3.connect(path)
    database.executescript("""
        PRAGMA journal_mode = WAL;
        CREATE TABLE accounts (id INTEGER PRIMARY KEY, provider TEXT, account_id TEXT, display_name TEXT,
            status TEXT, scopes TEXT, access_token BLOB, expires_at INTEGER);
        CREATE TABLE access_keys (hash BLOB PRIMARY KEY, account INTEGER REFERENCES accounts);
    """)
    for id in range(1, accounts + 1):
        key, person, nonce = f"coak_{secrets.token_urlsafe(32)}", f"person-{id}", os.urandom(12)
        sealed = nonce + CIPHER.encrypt(nonce, secrets.token_urlsafe(32).encode(), person.encode())
        row = (id, "default", person, f"Person {id}", "active", "read:org repo", sealed)
        ends = int(time.time()) + 86_400
        database.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, ends))
        key_hash = hashlib.sha256(key.encode()).digest()
        database.execute("INSERT INTO access_keys VALUES (?, ?)", (key_hash, id))
        print(key)
    database.commit()


if __name__ == "__main__":
    fill(sys.argv[2], int(sys.argv[3]))
