// npm's vnpay as a merchant of the simulated gateway: pay address, page, return, IPN, query, refund.
import assert from "node:assert/strict";
import { VNPay, dateFormat, ignoreLogger } from "vnpay";
import { keys } from "./simulators.mjs";

const minutes = (count) => count * 60_000;
// The gateway's wall clock; the package's own helper is right only where the machine runs on UTC.
const wallClock = (at) => dateFormat(new Date(at.getTime() + minutes(7 * 60)));

function client(url, secureSecret) {
  return new VNPay({
    tmnCode: keys.tmnCode,
    secureSecret,
    vnpayHost: url,
    queryDrAndRefundHost: url,
    loggerFn: ignoreLogger,
    endpoints: {
      paymentEndpoint: "vnpay/paymentv2/vpcpay.html",
      queryDrRefundEndpoint: "vnpay/merchant_webapi/api/transaction",
      getBankListEndpoint: "vnpay/qrpayauth/api/merchant/get_bank_list",
    },
  });
}

export async function vnpay({ url, merchant, pay }) {
  const ours = client(url, keys.hashSecret);
  const strangers = client(url, "another secret");
  const seen = [];
  merchant.answer = ({ path, query }) => {
    assert.equal(path, "/partners/vnpay/ipn");
    const told = ours.verifyIpnCall(query);
    assert.equal(strangers.verifyIpnCall(query).isVerified, false);
    seen.push(told);
    return { status: 200, json: { RspCode: told.isVerified ? "00" : "97", Message: "" } };
  };
  const made = new Date();
  const order = (reference, more = {}) => ({
    vnp_Amount: 150_000,
    vnp_IpAddr: "192.0.2.7",
    vnp_ReturnUrl: `${merchant.url}/back`,
    vnp_TxnRef: reference,
    vnp_OrderInfo: "Nop phi PG0123456789ABCD",
    vnp_OrderType: "other",
    vnp_Locale: "vn",
    vnp_CreateDate: wallClock(made),
    vnp_ExpireDate: wallClock(new Date(made.getTime() + minutes(15))),
    ...more,
  });

  const address = ours.buildPaymentUrl(order("FOREIGN1"));
  assert.equal((await fetch(address)).status, 200, "the page opens");
  const forged = strangers.buildPaymentUrl(order("FOREIGN2"));
  assert.equal((await fetch(forged)).status, 400, "the page refuses another's signature");
  // Characters on which encoders differ.
  const odd = ours.buildPaymentUrl(order("FOREIGN3", { vnp_OrderInfo: "Nộp phí & lệ phí: 1/2 (a+b)" }));
  assert.equal((await fetch(odd)).status, 200, "the page reads what the client encodes");

  // The payer pays on the page; the browser comes back, the server is told.
  const form = new URLSearchParams({ day: wallClock(made).toString().slice(0, 8), txn_ref: "FOREIGN1", outcome: "paid" });
  const back = await fetch(`${url}/vnpay/paymentv2/pay`, { method: "POST", body: form, redirect: "manual" });
  const query = Object.fromEntries(new URL(back.headers.get("location")).searchParams);
  const returned = ours.verifyReturnUrl(query);
  assert.ok(returned.isVerified && returned.isSuccess, "the return is verified");
  assert.equal(ours.verifyReturnUrl({ ...query, vnp_Amount: "1" }).isVerified, false);
  assert.equal(returned.vnp_Amount, 150_000);
  await merchant.called("/partners/vnpay/ipn");
  assert.ok(seen[0].isVerified && seen[0].isSuccess, "the IPN is verified");
  assert.equal(seen[0].vnp_Amount, 150_000);

  // A failure is told as one; a spoilt message is found out, and comes again.
  await pay({ order: odd, outcome: "insufficient", fault: "tampered" });
  await merchant.called("/partners/vnpay/ipn", (it) => it.query.vnp_TxnRef === "FOREIGN3" && seen.length >= 3);
  const words = seen.slice(1).map((it) => [it.isVerified, it.isSuccess, it.vnp_ResponseCode]);
  assert.deepEqual(words[0][0], false);
  assert.deepEqual(words[1], [true, false, "51"]);

  const question = (reference, id) => ({
    vnp_RequestId: id,
    vnp_TxnRef: reference,
    vnp_TransactionDate: wallClock(made),
    vnp_CreateDate: wallClock(new Date()),
    vnp_IpAddr: "192.0.2.7",
    vnp_OrderInfo: "Hoi",
    vnp_TransactionNo: 0,
  });
  const found = await ours.queryDr(question("FOREIGN1", "Q1"));
  assert.ok(found.isVerified && found.isSuccess, `the answer is verified: ${JSON.stringify(found)}`);
  assert.equal(found.vnp_TransactionStatus, "00");
  assert.equal(String(found.vnp_TransactionNo), String(query.vnp_TransactionNo));
  assert.equal((await ours.queryDr(question("NOBODYS", "Q2"))).vnp_ResponseCode, "91");
  assert.equal((await strangers.queryDr(question("FOREIGN1", "Q3"))).vnp_ResponseCode, "97");

  const refund = (id, amount, more = {}) => ({
    vnp_RequestId: id,
    vnp_TransactionType: "03",
    vnp_TxnRef: "FOREIGN1",
    vnp_Amount: amount,
    vnp_OrderInfo: "Hoan phi",
    vnp_TransactionNo: query.vnp_TransactionNo,
    vnp_TransactionDate: wallClock(made),
    vnp_CreateBy: "officer",
    vnp_CreateDate: wallClock(new Date()),
    vnp_IpAddr: "192.0.2.7",
    vnp_Locale: "vn",
    ...more,
  });
  // Whether the answer verifies is not asked: the package divides the amount before it hashes.
  const given = await ours.refund(refund("R1", 60_000));
  assert.equal(given.vnp_ResponseCode, "00", JSON.stringify(given));
  assert.equal((await ours.refund(refund("R2", 100_000))).vnp_ResponseCode, "94", "never more than was paid");
  assert.equal((await strangers.refund(refund("R3", 10_000))).vnp_ResponseCode, "97");
  return "vnpay: pay address, page, return, IPN, query, refund";
}
