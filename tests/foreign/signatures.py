"""Signs and verifies the vectors with PyPI's http-message-signatures and standardwebhooks."""

import base64
import datetime
import json
import os
import pathlib
from types import SimpleNamespace
from unittest import mock

import standardwebhooks.webhooks
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, InvalidSignature
from http_message_signatures.algorithms import HMAC_SHA256
from http_message_signatures.resolvers import MappingKeyResolver
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

ROOT = pathlib.Path(os.environ["ROOT"])
READ = ("@method", "@target-uri")
KINDS = {
    "invoice.paid",
    "invoice.expired",
    "invoice.cancelled",
    "payment.reversed",
    "refund.confirmed",
    "refund.failed",
}
WRITE = (*READ, "content-digest", "idempotency-key")


def check_request(it):
    key = {it["key_id"]: base64.b64decode(it["secret"])}
    resolver = MappingKeyResolver(public_keys=key, private_keys=key)
    write = it["idempotency_key"] is not None
    covered = WRITE if write else READ
    body = it["body"].encode() if write else None
    headers = {"idempotency-key": it["idempotency_key"]} if write else {}

    request = SimpleNamespace(method=it["method"], url=it["url"], headers=dict(headers))
    HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=resolver).sign(
        request,
        key_id=it["key_id"],
        created=datetime.datetime.fromtimestamp(it["created"], tz=datetime.timezone.utc),
        nonce=it["nonce"],
        label="sig1",
        covered_component_ids=covered,
        body=body,
    )
    theirs = {name.lower(): value for name, value in request.headers.items()}
    theirs.pop("idempotency-key", None)
    assert theirs == it["headers"], f"{it['name']}: their signature is not ours: {theirs}"

    ours = SimpleNamespace(method=it["method"], url=it["url"], headers=headers | it["headers"])
    verifier = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=resolver)
    verifier.verify(ours, max_age=None, require_components=covered, body=body)
    ours.url += "x"
    try:
        verifier.verify(ours, max_age=None, require_components=covered, body=body)
    except InvalidSignature:
        return
    raise AssertionError(f"{it['name']}: they accept another address")


def check_webhook(it):
    headers, body = it["headers"], it["body"]
    moment = datetime.datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=datetime.timezone.utc)
    hooks = [Webhook(secret) for secret in it["secrets"]]
    theirs = " ".join(hook.sign(headers["webhook-id"], moment, body) for hook in hooks)
    assert theirs == headers["webhook-signature"], f"their signature is not ours: {theirs}"
    # The vectors were signed at a fixed time; the library looks at the clock.
    with mock.patch.object(standardwebhooks.webhooks, "datetime", wraps=datetime.datetime) as clock:
        clock.now.side_effect = lambda tz=None: moment
        for hook in hooks:
            hook.verify(body, headers, json_parse=False)
            try:
                hook.verify(body + " ", headers, json_parse=False)
            except WebhookVerificationError:
                continue
            raise AssertionError("they accept another body")


def main():
    vectors = json.loads((ROOT / "tests/data/signatures.json").read_text(encoding="utf-8"))
    for it in vectors["http"]:
        check_request(it)
    for it in vectors["webhooks"]:
        check_webhook(it)
    print(f"pypi: {len(vectors['http'])} requests and {len(vectors['webhooks'])} notices agree")
    sent = json.loads((ROOT / "target/foreign/notices.json").read_text(encoding="utf-8"))
    kinds = set()
    for notice in sent["notices"]:
        check_webhook({**notice, "secrets": [sent["secret"]]})
        assert json.loads(notice["body"])["type"] == notice["kind"]
        kinds.add(notice["kind"])
    assert kinds == KINDS, f"not every kind was sent: {kinds}"
    print(f"pypi standardwebhooks: {len(sent['notices'])} notices of {len(kinds)} kinds")


if __name__ == "__main__":
    main()
