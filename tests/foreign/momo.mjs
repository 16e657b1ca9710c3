// npm's momo-payment-api as a merchant of the simulated wallet: order, page, refund.
import assert from "node:assert/strict";
import { MomoPayment } from "momo-payment-api";
import { keys } from "./simulators.mjs";

function client(url, secretKey) {
  const made = new MomoPayment(keys.partnerCode, keys.accessKey, secretKey);
  // The package knows no other host than the wallet's own.
  made._getURL = () => `${url}/momo/v2/gateway/api`;
  return made;
}

export async function momo({ url, merchant, pay }) {
  const ours = client(url, keys.secretKey);
  const strangers = client(url, "another key");
  merchant.answer = () => ({ status: 204 });
  const order = (orderId) => ({
    orderId,
    requestId: orderId,
    amount: 150_000,
    orderInfo: "Nộp phí PG0123456789ABCD",
    redirectUrl: `${merchant.url}/back`,
    ipnUrl: `${merchant.url}/momo-ipn`,
  });

  const made = await ours.createPayment(order("FOREIGN1"));
  assert.deepEqual([made.resultCode, made.orderId, made.amount], [0, "FOREIGN1", 150_000]);
  assert.equal((await fetch(made.payUrl)).status, 200, "the page opens");
  // The wallet says no in words, by another status too.
  const refused = await strangers.createPayment(order("FOREIGN2")).catch((error) => error.response.data);
  assert.equal(refused.resultCode, 13, "another's signature is refused");

  await pay({ order: made.payUrl, outcome: "paid" });
  const { body } = await merchant.called("/momo-ipn");
  const told = JSON.parse(body);
  assert.deepEqual([told.orderId, told.amount, told.resultCode], ["FOREIGN1", 150_000, 0]);

  const refund = (id, amount) => ({ orderId: id, requestId: id, amount, transId: told.transId });
  const given = await ours.refundPayment(refund("BACK1", 60_000));
  assert.deepEqual([given.resultCode, given.amount], [0, 60_000], JSON.stringify(given));
  const rest = async (client, id, amount) =>
    client.refundPayment(refund(id, amount)).then((it) => it, (error) => error.response.data);
  assert.equal((await rest(ours, "BACK2", 100_000)).resultCode, 1081, "never more than was paid");
  assert.equal((await rest(strangers, "BACK3", 10_000)).resultCode, 13);
  return "momo-payment-api: order, refund";
}
