// Notices of every kind as they went over the wire, verified by npm's standardwebhooks.
import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";

export const KINDS = [
  "invoice.paid",
  "invoice.expired",
  "invoice.cancelled",
  "payment.reversed",
  "refund.confirmed",
  "refund.failed",
];

export function notices({ secret, notices: all }) {
  const hook = new Webhook(secret);
  const seen = new Set();
  const now = Date.now;
  for (const { kind, headers, body } of all) {
    // They were sent a while ago, by a clock that was turned.
    Date.now = () => Number(headers["webhook-timestamp"]) * 1000;
    assert.equal(hook.verify(body, headers).type, kind);
    assert.throws(() => hook.verify(body.replace('"', ' "'), headers), "another body");
    const id = { ...headers, "webhook-id": `${headers["webhook-id"]}x` };
    assert.throws(() => hook.verify(body, id), "another id");
    seen.add(kind);
  }
  Date.now = now;
  assert.deepEqual([...seen].sort(), [...KINDS].sort(), "every kind was sent");
  return `npm standardwebhooks: ${all.length} notices of ${seen.size} kinds`;
}
