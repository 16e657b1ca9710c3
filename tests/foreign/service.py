"""The portal API of a running service, with requests that PyPI's http-message-signatures signs."""

import base64
import datetime
import json
import os
import urllib.error
import urllib.request
import uuid
from types import SimpleNamespace

from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import HMAC_SHA256
from http_message_signatures.resolvers import MappingKeyResolver

URL, KEY_ID, SECRET = (
    os.environ[name] for name in ("PAYCLEAR_URL", "PORTAL_KEY_ID", "PORTAL_SECRET")
)
READ = ("@method", "@target-uri")
WRITE = (*READ, "content-digest", "idempotency-key")


def signed(method, path, content=None, secret=SECRET):
    key = {KEY_ID: base64.b64decode(secret)}
    resolver = MappingKeyResolver(public_keys=key, private_keys=key)
    body = None if content is None else json.dumps(content).encode()
    headers = {} if body is None else {"idempotency-key": str(uuid.uuid4())}
    request = SimpleNamespace(method=method, url=f"{URL}{path}", headers=headers)
    HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=resolver).sign(
        request,
        key_id=KEY_ID,
        created=datetime.datetime.now(tz=datetime.timezone.utc),
        nonce=str(uuid.uuid4()),
        label="sig1",
        covered_component_ids=READ if body is None else WRITE,
        body=body,
    )
    headers = dict(request.headers)
    if body is not None:
        headers["content-type"] = "application/json"
    return urllib.request.Request(request.url, data=body, headers=headers, method=method)


def answer(request):
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def main():
    fee = {
        "dossier": "FOREIGN-PYTHON",
        "agency": "G01.A",
        "procedure": "1.001234",
        "payer": {"name": "Nguyễn Thị Minh An"},
    }
    made = signed("POST", "/v1/invoices", fee)
    status, invoice = answer(made)
    assert status == 201, invoice
    status, read = answer(signed("GET", f"/v1/invoices/{invoice['id']}"))
    assert (status, read["code"]) == (200, invoice["code"]), read
    status, cancelled = answer(
        signed("POST", f"/v1/invoices/{invoice['id']}/cancel", {"reason": "withdrawn"})
    )
    assert (status, cancelled["status"]) == (200, "cancelled"), cancelled
    assert answer(made)[0] == 401, "the same nonce again"
    strange = base64.b64encode(bytes(32)).decode()
    assert answer(signed("GET", f"/v1/invoices/{invoice['id']}", secret=strange))[0] == 401
    elsewhere = signed("GET", "/v1/invoices?dossier=A")
    elsewhere.full_url = f"{URL}/v1/invoices?dossier=B"
    assert answer(elsewhere)[0] == 401, "another address"
    print("pypi http-message-signatures: issued, read, cancelled and refused by the running service")


if __name__ == "__main__":
    main()
