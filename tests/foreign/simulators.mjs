// The simulators as a process of their own, and a merchant's doors that they call back.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const keys = {
  tmnCode: "PAYCLEAR",
  hashSecret: "hash-secret-of-the-tests",
  clientId: "samplebank",
  apiKey: "api-key-of-the-tests",
  checksumKey: "checksum-key-of-the-tests",
  partnerCode: "MOMOSIMPAYCLEAR",
  accessKey: "access-key-of-the-tests",
  secretKey: "secret-key-of-the-tests",
};

// What was called, oldest first; `answer` decides on each call.
class Merchant {
  calls = [];
  answer = () => ({ status: 200 });

  async open() {
    this.server = http.createServer(async (request, response) => {
      let body = "";
      for await (const piece of request) body += piece;
      const url = new URL(request.url, "http://merchant");
      const call = { path: url.pathname, query: Object.fromEntries(url.searchParams), body };
      const { status, json } = await this.answer(call);
      this.calls.push(call);
      response.writeHead(status, json ? { "content-type": "application/json" } : {});
      response.end(json ? JSON.stringify(json) : undefined);
    });
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  // The first call to this path that is as wanted, once it comes.
  async called(path, wanted = () => true) {
    for (let tries = 0; tries < 500; tries += 1) {
      const call = this.calls.find((it) => it.path === path && wanted(it));
      if (call) return call;
      await new Promise((wake) => setTimeout(wake, 20));
    }
    throw new Error(`nobody called ${path}; there were ${JSON.stringify(this.calls)}`);
  }
}

async function freePort() {
  const server = http.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

// Runs `visit` beside fresh simulators.
export async function withSimulators(visit) {
  const merchant = new Merchant();
  await merchant.open();
  const journals = mkdtempSync(join(tmpdir(), "foreign-"));
  const listen = `127.0.0.1:${await freePort()}`;
  const child = spawn(process.env.SIMULATORS, ["serve"], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      SIM_LISTEN: listen,
      SIM_JOURNAL_DIR: journals,
      SIM_PAYCLEAR_URL: merchant.url,
      SIM_RETRY_SCALE: "0.0001",
      SIM_PAYOS_CLIENT_ID: keys.clientId,
      SIM_PAYOS_API_KEY: keys.apiKey,
      SIM_PAYOS_CHECKSUM_KEY: keys.checksumKey,
      SIM_VNPAY_TMN_CODE: keys.tmnCode,
      SIM_VNPAY_HASH_SECRET: keys.hashSecret,
      SIM_MOMO_PARTNER_CODE: keys.partnerCode,
      SIM_MOMO_ACCESS_KEY: keys.accessKey,
      SIM_MOMO_SECRET_KEY: keys.secretKey,
      SIM_ZALOPAY_APP_ID: "2999",
      SIM_ZALOPAY_KEY1: "key-one-of-the-tests",
      SIM_ZALOPAY_KEY2: "key-two-of-the-tests",
      SIM_SEPAY_SECRET: "sepay-secret-of-the-tests",
      SIM_LOG: "error",
    },
  });
  const url = `http://${listen}`;
  const control = async (path, body) => {
    const answer = await fetch(`${url}/control/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  try {
    for (let tries = 0; ; tries += 1) {
      const lives = await fetch(`${url}/livez`).then((it) => it.ok, () => false);
      if (lives) break;
      if (tries > 500 || child.exitCode !== null) throw new Error("the simulators do not start");
      await new Promise((wake) => setTimeout(wake, 20));
    }
    await visit({ url, merchant, pay: (body) => control("pay", { wait: true, ...body }) });
  } finally {
    child.kill();
    merchant.server.closeAllConnections();
    merchant.server.close();
    rmSync(journals, { recursive: true, force: true });
  }
}
