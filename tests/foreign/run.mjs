// Everything that Node's packages check.
import { readFileSync } from "node:fs";
import { codecs } from "./codecs.mjs";
import { momo } from "./momo.mjs";
import { notices } from "./notices.mjs";
import { payos } from "./payos.mjs";
import { service } from "./service.mjs";
import { signatures } from "./signatures.mjs";
import { withSimulators } from "./simulators.mjs";
import { vnpay } from "./vnpay.mjs";

const read = (path) => JSON.parse(readFileSync(`${process.env.ROOT}/${path}`, "utf8"));

console.log(await signatures(read("tests/data/signatures.json")));
for (const client of [vnpay, payos, momo]) {
  await withSimulators(async (world) => console.log(await client(world)));
}
console.log(await codecs(read("target/foreign/codecs.json")));
console.log(notices(read("target/foreign/notices.json")));
console.log(await service());
