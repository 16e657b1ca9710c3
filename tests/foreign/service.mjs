// The doors of a running service, opened by packages that others wrote: the portal API by npm's
// http-message-signatures; the webhook and the IPN with messages that @payos/node and vnpay have
// signed. What these packages cannot do stands in README.md.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { PayOS } from "@payos/node";
import { createSigner, httpbis } from "http-message-signatures";
import { VNPay, ignoreLogger } from "vnpay";

const READ = ["@method", "@target-uri"];
const WRITE = [...READ, "content-digest", "idempotency-key"];

const { PAYCLEAR_URL: url, SIMULATORS_URL: simulators, PORTAL_KEY_ID, PORTAL_SECRET } = process.env;
const held = (name) => readFileSync(`${process.env.STACK_RUN}/secrets/${name}`, "utf8").trim();

// A request of the portal, signed by the package; what `change` alters is altered after that.
async function portal(method, path, body, { secret = PORTAL_SECRET, change = {} } = {}) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {};
  if (text !== undefined) {
    headers["idempotency-key"] = randomUUID();
    const digest = createHash("sha256").update(text).digest("base64");
    headers["content-digest"] = `sha-256=:${digest}:`;
  }
  const request = { method, url: `${url}${path}`, headers };
  const signed = await httpbis.signMessage(
    {
      key: createSigner(Buffer.from(secret, "base64"), "hmac-sha256", PORTAL_KEY_ID),
      name: "sig1",
      fields: text === undefined ? READ : WRITE,
      params: ["created", "keyid", "alg", "nonce"],
      paramValues: { created: new Date(), nonce: randomUUID() },
    },
    request,
  );
  const sent = { method, body: text, headers: { ...signed.headers }, path, ...change };
  if (text !== undefined) sent.headers["content-type"] = "application/json";
  return () =>
    fetch(`${url}${sent.path}`, { method, body: sent.body, headers: sent.headers });
}

async function read(path) {
  const answer = await (await portal("GET", path))();
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

// Dossiers of this run alone.
const run = `FOREIGN-${Date.now()}`;
const fee = (dossier) => ({
  dossier,
  agency: "G01.A",
  procedure: "1.001234",
  payer: { name: "Nguyễn Thị Minh An" },
});

async function issued(dossier) {
  const answer = await (await portal("POST", "/v1/invoices", fee(dossier)))();
  assert.equal(answer.status, 201, await answer.clone().text());
  return answer.json();
}

async function paid(invoice) {
  for (let tries = 0; tries < 200; tries += 1) {
    const { status } = await read(`/v1/invoices/${invoice.id}`);
    if (status === "paid") return;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error(`${invoice.code} is not paid`);
}

async function signatures() {
  const made = await portal("POST", "/v1/invoices", fee(`${run}-1`));
  const first = await made();
  assert.equal(first.status, 201, await first.clone().text());
  const invoice = await first.json();
  assert.equal((await read(`/v1/invoices/${invoice.id}`)).code, invoice.code);
  assert.equal((await read(`/v1/invoices?dossier=${run}-1`)).invoices.length, 1);

  const refused = async (request) => assert.equal((await request()).status, 401);
  await refused(made); // the same nonce again
  const other = Buffer.alloc(32, 7).toString("base64");
  await refused(await portal("POST", "/v1/invoices", fee(`${run}-2`), { secret: other }));
  await refused(await portal("GET", "/v1/invoices?dossier=A", undefined, { change: { path: "/v1/invoices?dossier=B" } }));
  const spoilt = await portal("POST", "/v1/invoices", fee(`${run}-3`), {
    change: { body: JSON.stringify(fee(`${run}-4`)) },
  });
  const answer = await spoilt();
  assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}: another body`);
  return invoice;
}

// A webhook with a signature by payOS's own package. The bank knows the order by its memo.
async function payos(invoice) {
  const settings = {
    clientId: "samplebank",
    apiKey: held("payos-api-key"),
    checksumKey: held("payos-checksum-key"),
  };
  const client = new PayOS(settings);
  const said = async (data, key = settings.checksumKey) => {
    const signature = await client.crypto.createSignatureFromObj(data, key);
    const body = { code: "00", desc: "success", success: true, data, signature };
    const answer = await fetch(`${url}/partners/samplebank/webhook`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return [answer.status, (await answer.json()).success];
  };
  const data = {
    orderCode: 0,
    amount: Number(invoice.amount.amount),
    description: `NGUYEN VAN A nop ${invoice.code}`,
    accountNumber: "1200099887766",
    reference: `FT-${randomUUID()}`,
    transactionDateTime: "2026-11-20 10:00:00",
    currency: "VND",
    code: "00",
    desc: "success",
    counterAccountNumber: null,
  };
  assert.deepEqual(await said(data, "another key"), [401, false]);
  assert.deepEqual(await said(data), [200, true]);
  await paid(invoice);
  assert.deepEqual(await said(data), [200, true], "again");
  assert.deepEqual(await said({ ...data, amount: 1 }), [409, false], "the same id, another amount");

  // Registering our door: the bank calls it with an example and wants a 2xx.
  const at = (address, init) => fetch(String(address).replace(simulators, `${simulators}/payos`), init);
  const registering = new PayOS({ ...settings, baseURL: simulators, fetch: at, maxRetries: 0 });
  const hook = `${url}/partners/samplebank/webhook`;
  assert.equal((await registering.webhooks.confirm(hook)).webhookUrl, hook);
}

// An IPN whose fields npm's vnpay signs as it signs every query: the rule is the same both ways.
async function vnpay() {
  const invoice = await issued(`${run}-5`);
  const form = new URLSearchParams({ partner: "vnpay" });
  const chosen = await fetch(invoice.pay_url, { method: "POST", body: form, redirect: "manual" });
  assert.equal(chosen.status, 303, await chosen.clone().text());
  const page = new URL(chosen.headers.get("location"));
  const order = Object.fromEntries(page.searchParams);
  const client = (secureSecret) =>
    new VNPay({ tmnCode: "PAYCLEAR", secureSecret, vnpayHost: simulators, loggerFn: ignoreLogger });
  const ours = client(held("vnpay-hash-secret"));
  assert.ok(ours.verifyReturnUrl({ ...order }).isVerified, "the package verifies our pay address");

  const number = String(Date.now());
  const told = async (from, more = {}) => {
    const query = new URL(
      from.buildPaymentUrl({
        vnp_TxnRef: order.vnp_TxnRef,
        vnp_Amount: Number(order.vnp_Amount) / 100,
        vnp_OrderInfo: order.vnp_OrderInfo,
        vnp_IpAddr: "192.0.2.7",
        vnp_ReturnUrl: url,
        vnp_BankCode: "NCB",
        vnp_BankTranNo: "VNP14000001",
        vnp_CardType: "ATM",
        vnp_PayDate: "20261120101500",
        vnp_ResponseCode: "00",
        vnp_TransactionStatus: "00",
        vnp_TransactionNo: number,
        ...more,
      }),
    ).search;
    const answer = await fetch(`${url}/partners/vnpay/ipn${query}`);
    assert.equal(answer.status, 200);
    return (await answer.json()).RspCode;
  };
  assert.equal(await told(client("another secret")), "97");
  const nobodys = { vnp_TxnRef: "NOBODYS", vnp_OrderInfo: "nop phi", vnp_TransactionNo: `${number}9` };
  assert.equal(await told(ours, nobodys), "01");
  assert.equal(await told(ours), "00");
  await paid(invoice);
  assert.equal(await told(ours), "02", "again");
}

export async function service() {
  await payos(await signatures());
  await vnpay();
  return "the service's doors: http-message-signatures on the portal API, @payos/node on the webhook, vnpay on the IPN";
}
