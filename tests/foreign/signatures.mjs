// Signs and verifies the vectors with npm's http-message-signatures and standardwebhooks.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createSigner, createVerifier, httpbis } from "http-message-signatures";
import { Webhook } from "standardwebhooks";

const READ = ["@method", "@target-uri"];
const WRITE = [...READ, "content-digest", "idempotency-key"];

export async function signatures({ http, webhooks }) {
  for (const it of http) {
    const secret = Buffer.from(it.secret, "base64");
    const headers = {};
    if (it.idempotency_key) {
      headers["idempotency-key"] = it.idempotency_key;
      const digest = createHash("sha256").update(it.body).digest("base64");
      headers["content-digest"] = `sha-256=:${digest}:`;
    }
    const request = { method: it.method, url: it.url, headers };
    const signed = await httpbis.signMessage(
      {
        key: createSigner(secret, "hmac-sha256", it.key_id),
        name: "sig1",
        fields: it.idempotency_key ? WRITE : READ,
        params: ["created", "keyid", "alg", "nonce"],
        paramValues: { created: new Date(it.created * 1000), nonce: it.nonce },
      },
      request,
    );
    const theirs = Object.fromEntries(
      Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    delete theirs["idempotency-key"];
    assert.deepEqual(theirs, it.headers, `${it.name}: their signature is ours`);

    const verify = (change) =>
      httpbis.verifyMessage(
        {
          keyLookup: async () => ({
            id: it.key_id,
            algs: ["hmac-sha256"],
            verify: createVerifier(secret, "hmac-sha256"),
          }),
          requiredFields: it.idempotency_key ? WRITE : READ,
          notAfter: new Date((it.created + 1) * 1000),
        },
        { ...request, headers: { ...headers, ...it.headers }, ...change },
      );
    assert.equal(await verify({}), true, `${it.name}: they accept ours`);
    const changed = await verify({ method: "PATCH" }).catch(() => false);
    assert.notEqual(changed, true, `${it.name}: they refuse another method`);
  }

  for (const it of webhooks) {
    const id = it.headers["webhook-id"];
    const seconds = Number(it.headers["webhook-timestamp"]);
    const hooks = it.secrets.map((secret) => new Webhook(secret));
    const theirs = hooks.map((hook) => hook.sign(id, new Date(seconds * 1000), it.body)).join(" ");
    assert.equal(theirs, it.headers["webhook-signature"], "their signature is ours");
    // The vectors were signed at a fixed time; the library looks at the clock.
    const now = Date.now;
    Date.now = () => seconds * 1000;
    for (const hook of hooks) {
      hook.verify(it.body, it.headers);
      assert.throws(() => hook.verify(`${it.body} `, it.headers), "they refuse another body");
    }
    Date.now = now;
  }
  return `npm: ${http.length} requests and ${webhooks.length} notices agree`;
}
