// What our codecs write, read by others: VietQR, OnePay's callbacks and page, SePay's form.
import assert from "node:assert/strict";
import SePay from "sepay-pg-node";
import VietQR from "vietnam-qr-pay";
import vnPayments from "vn-payments";

export async function codecs({ vietqr, onepay, sepay }) {
  for (const it of vietqr) {
    const read = new VietQR.QRPay(it.qr);
    assert.ok(read.isValid, `${it.qr} is valid`);
    const { bankBin, bankNumber } = read.consumer;
    assert.deepEqual(
      [bankBin, bankNumber, read.amount, read.additionalData.purpose, read.currency, read.nation],
      [it.bin, it.account, it.amount, it.memo, "704", "VN"],
    );
    assert.equal(read.build(), it.qr, "they would write the same");
    const last = it.qr.endsWith("0") ? "1" : "0";
    assert.equal(new VietQR.QRPay(it.qr.slice(0, -1) + last).isValid, false, "a spoilt one is refused");
  }

  const gateway = new vnPayments.OnePayDomestic({
    accessCode: "D67342C2",
    merchant: "ONEPAY",
    paymentGateway: "https://op-sim.example.com/onecomm-pay/vpc.op",
    secureSecret: onepay.secret,
  });
  for (const it of onepay.callbacks) {
    const read = await gateway.verifyReturnUrl({ ...it });
    assert.equal(read.isSuccess, it.vpc_TxnResponseCode === "0", JSON.stringify(read));
    assert.equal(read.amount * 100, Number(it.vpc_Amount));
    assert.notEqual(read.message, "Wrong checksum");
    const spoilt = await gateway.verifyReturnUrl({ ...it, vpc_TransactionNo: "1" });
    assert.deepEqual([spoilt.isSuccess, spoilt.message], [false, "Wrong checksum"]);
  }

  // The same order built by both: field by field and signature alike. Their fields that OnePay does
  // not sign are left aside.
  const { order } = onepay;
  const theirs = await gateway.buildCheckoutUrl({
    amount: order.amount,
    clientIp: order.payer_ip,
    currency: "VND",
    locale: "vn",
    orderId: order.code,
    transactionId: order.reference,
    returnUrl: order.return_url,
    customerId: "",
  });
  const signed = (address) => {
    const fields = [...new URL(address).searchParams].filter(([name]) => name.startsWith("vpc_"));
    return Object.fromEntries(fields.sort());
  };
  assert.deepEqual(signed(theirs.href), signed(onepay.page), "they would build the same page");

  const config = { env: "sandbox", merchant_id: "SP-PAYCLEAR", secret_key: sepay.secret };
  const { checkout } = new SePay.SePayPgClient(config);
  assert.equal(checkout.signFields(Object.fromEntries(sepay.form)), sepay.signature);
  assert.notEqual(checkout.signFields(Object.fromEntries(sepay.form.toReversed())), sepay.signature);
  return `codecs: ${vietqr.length} VietQR, ${onepay.callbacks.length} OnePay callbacks and its page, SePay's form`;
}
