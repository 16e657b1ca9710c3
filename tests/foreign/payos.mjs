// payOS's own client as a merchant of the simulated bank: order, question, cancellation, webhook.
import assert from "node:assert/strict";
import { PayOS } from "@payos/node";
import { keys } from "./simulators.mjs";

export async function payos({ url, merchant, pay }) {
  const { clientId, apiKey, checksumKey } = keys;
  // The package begins every path at the host; here the bank has a folder of its own.
  const inFolder = (address, init) => fetch(String(address).replace(url, `${url}/payos`), init);
  const at = { baseURL: url, fetch: inFolder, maxRetries: 0 };
  const ours = new PayOS({ clientId, apiKey, checksumKey, ...at });
  const strangers = new PayOS({ clientId, apiKey, checksumKey: "another key", ...at });
  const words = [];
  merchant.answer = async ({ body }) => {
    const word = await ours.webhooks.verify(JSON.parse(body)).catch(() => null);
    words.push(word);
    return { status: word ? 200 : 401, json: { success: word !== null } };
  };

  const hook = `${merchant.url}/payos-hook`;
  const confirmed = await ours.webhooks.confirm(hook);
  assert.equal(confirmed.webhookUrl, hook);
  assert.equal(words.length, 1, "the address was tried");
  assert.ok(words[0], "the example is verified");

  const order = (orderCode) => ({
    orderCode,
    amount: 150_000,
    description: "PG0123456789ABCD",
    cancelUrl: `${merchant.url}/cancel`,
    returnUrl: `${merchant.url}/back`,
    expiredAt: Math.floor(Date.now() / 1000) + 900,
  });
  const made = await ours.paymentRequests.create(order(1001));
  assert.deepEqual([made.orderCode, made.amount, made.status], [1001, 150_000, "PENDING"]);
  await assert.rejects(ours.paymentRequests.create(order(1001)), "an order code is used once");
  // The client refuses an answer that is not signed with its key, and the bank refuses its order.
  await assert.rejects(strangers.paymentRequests.create(order(1002)));

  await pay({ order: made.qrCode, outcome: "wrong_amount" });
  assert.equal((await ours.paymentRequests.get(1001)).status, "UNDERPAID");
  await pay({ order: made.qrCode, outcome: "paid", amount: "1000", fault: "tampered" });
  for (let tries = 0; words.length < 4 && tries < 200; tries += 1) {
    await new Promise((wake) => setTimeout(wake, 20));
  }
  const [, short, spoilt, rest] = words;
  assert.deepEqual([short.orderCode, short.amount], [1001, 149_000]);
  assert.equal(spoilt, null, "a spoilt webhook is found out");
  assert.deepEqual([rest.orderCode, rest.amount], [1001, 1_000], "and comes again");
  const paid = await ours.paymentRequests.get(made.paymentLinkId);
  assert.equal(paid.status, "PAID");
  assert.deepEqual(paid.transactions.map((it) => it.reference), [short.reference, rest.reference]);

  const unwanted = await ours.paymentRequests.create(order(1003));
  const cancelled = await ours.paymentRequests.cancel(unwanted.paymentLinkId, "withdrawn");
  assert.deepEqual([cancelled.status, cancelled.cancellationReason], ["CANCELLED", "withdrawn"]);
  await assert.rejects(ours.paymentRequests.cancel(1001, "too late"));
  return "@payos/node: order, question, cancellation, webhooks";
}
