// A verifier for C2SP tlog-tiles logs that needs Node alone: node verifier.mjs LEDGER VKEY_FILE
// Prints {"size", "root", "entries", "tiles"} or fails. It shares no code with the ledger.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [ledger, vkeyFile] = process.argv.slice(2);
const sha256 = (...parts) => {
  const hash = createHash("sha256");
  parts.forEach((part) => hash.update(part));
  return hash.digest();
};
const check = (holds, what) => {
  if (!holds) {
    console.error(`verification failed: ${what}`);
    process.exit(1);
  }
};
const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

// RFC 6962, section 2.1, iteratively: pairs level by level, the odd one is promoted.
const rootOf = (hashes) => {
  if (hashes.length === 0) return sha256();
  let level = hashes;
  while (level.length > 1) {
    const above = [];
    for (let i = 0; i < level.length; i += 2) {
      above.push(i + 1 < level.length ? sha256(NODE, level[i], level[i + 1]) : level[i]);
    }
    level = above;
  }
  return level[0];
};

const tilePath = (level, n, width) => {
  let path = String(n % 1000).padStart(3, "0");
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, "0")}/${path}`;
  }
  return join(ledger, "tile", String(level), path + (width < 256 ? `.p/${width}` : ""));
};

const vkey = readFileSync(vkeyFile, "utf8").trim();
const [, name, keyHash, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey);
const key = Buffer.from(encoded, "base64");
const keyId = sha256(Buffer.from(`${name}\n`), key).subarray(0, 4);
check(key[0] === 1 && key.length === 33 && keyId.toString("hex") === keyHash, "verifier key");
const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), key.subarray(1)]);
const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });

const note = readFileSync(join(ledger, "checkpoint"), "utf8");
const cut = note.lastIndexOf("\n\n") + 1;
const text = note.slice(0, cut);
const signed = note
  .slice(cut + 1)
  .trimEnd()
  .split("\n")
  .some((line) => {
    const [dash, signer, value] = line.split(" ");
    const raw = Buffer.from(value, "base64");
    if (dash !== "\u2014" || signer !== name || !raw.subarray(0, 4).equals(keyId)) return false;
    return verify(null, Buffer.from(text), publicKey, raw.subarray(4));
  });
check(signed, "signature of the checkpoint");
const [origin, sizeText, root] = text.split("\n");
check(origin === name, "origin");
const size = Number(sizeText);

let hashes = [];
for (let n = 0; n * 256 < size; n++) {
  const width = Math.min(256, size - n * 256);
  const bundle = readFileSync(tilePath("entries", n, width));
  let at = 0;
  while (at < bundle.length) {
    const end = at + 2 + bundle.readUInt16BE(at);
    check(end <= bundle.length, `bundle ${n}`);
    hashes.push(sha256(LEAF, bundle.subarray(at + 2, end)));
    at = end;
  }
  check(hashes.length === n * 256 + width, `bundle ${n} has ${width} entries`);
}
const entries = hashes.length;
check(rootOf(hashes).toString("base64") === root, "root over all entries");

let tiles = 0;
for (let level = 0; hashes.length > 0; level++) {
  const above = [];
  for (let n = 0; n * 256 < hashes.length; n++) {
    const expected = hashes.slice(n * 256, n * 256 + 256);
    const tile = readFileSync(tilePath(level, n, expected.length));
    check(tile.equals(Buffer.concat(expected)), `tile ${level}/${n}`);
    tiles++;
    if (expected.length === 256) above.push(rootOf(expected));
  }
  hashes = above;
}
console.log(JSON.stringify({ size, root, entries, tiles }));
