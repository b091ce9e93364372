// Calls the Greeter and every method of Faults with @grpc/grpc-js: `node grpc_js_faults.mjs <host:port>`.
//
// Prints one line per check and exits with 1 when one does not hold. Needs `@grpc/grpc-js` and `@grpc/proto-loader`,
// from the node_modules directory that TEST_NODE_MODULES names, else from where node looks for them.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const modules = process.env.TEST_NODE_MODULES;
const require = createRequire(modules ? join(resolve(modules), "..", "index.js") : import.meta.url);
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const PROTO = fileURLToPath(new URL("../../proto/proto", import.meta.url));
const SECRET = "secret-panic-text";
const { status } = grpc;

const address = process.argv[2];
if (!address) {
  console.error("usage: node grpc_js_faults.mjs <host:port>");
  process.exit(2);
}

const definition = loader.loadSync(["helloworld.proto", "rootcap/testing/faults.proto"], {
  includeDirs: [PROTO],
  keepCase: true,
  longs: Number,
  defaults: true,
});
const packages = grpc.loadPackageDefinition(definition);
const credentials = grpc.credentials.createInsecure();
const greeter = new packages.helloworld.Greeter(address, credentials);
const faults = new packages.rootcap.testing.Faults(address, credentials);

const within = (millis) => ({ deadline: Date.now() + millis });

/** A unary call: its reply and headers; it throws the call's error. */
function unary(client, method, request, { metadata = new grpc.Metadata(), timeout = 10_000 } = {}) {
  return new Promise((done, fail) => {
    let headers;
    const answer = (error, reply) => (error ? fail(error) : done({ reply, headers }));
    const call = client[method](request, metadata, within(timeout), answer);
    call.on("metadata", (received) => (headers = received));
  });
}

/** The error of a unary call that must end with `code`. */
async function fails(code, method, request, options) {
  const error = await unary(faults, method, request, options).then(() => null, (error) => error);
  assert.ok(error, `the call succeeded, and not ${status[code]}`);
  assert.equal(status[error.code], status[code], error.details);
  return error;
}

/**
 * That these are the first of `count` messages, in their order.
 *
 * grpc-js gives up what it has received and not yet handed on as soon as it sees a status other than OK, so how many
 * there are is up to the client.
 */
function begins(messages, count) {
  assert.ok(messages.length >= 1 && messages.length <= count, `${messages.length} messages`);
  messages.forEach((message, index) => assert.equal(message.index, index));
}

/** All messages of a stream of responses, with the status that ended it. */
function all(call) {
  return new Promise((done) => {
    const messages = [];
    call.on("data", (message) => messages.push(message));
    call.on("error", () => {}); // It comes as the status, too.
    call.on("status", ({ code, details }) => done({ messages, code: status[code], details }));
  });
}

const checks = {
  async "greeter says hello"() {
    const { reply } = await unary(greeter, "SayHello", { name: "Wörld" });
    assert.equal(reply.message, "Hello Wörld");
  },

  async "echo returns payload and metadata"() {
    const payload = Buffer.alloc(2 << 20, "payload");
    const metadata = new grpc.Metadata();
    metadata.set("x-echo-one", "1");
    metadata.set("x-echo-two-bin", Buffer.from([0, 255]));
    metadata.set("x-other", "3");
    const { reply, headers } = await unary(faults, "Echo", { payload }, { metadata });
    assert.ok(reply.payload.equals(payload), "the payload is another");
    assert.deepEqual(headers.get("x-echo-one"), ["1"]);
    assert.deepEqual(headers.get("x-echo-two-bin"), [Buffer.from([0, 255])]);
    assert.deepEqual(headers.get("x-other"), []);
  },

  async "fail ends with every code"() {
    for (let code = 1; code <= 16; code += 1) {
      const message = `asked for ${status[code]}: 100 % ünïcode\n`;
      const error = await fails(code, "Fail", { code, message });
      assert.equal(error.details, message);
    }
  },

  async "fail with OK is an invalid argument"() {
    await fails(status.INVALID_ARGUMENT, "Fail", { code: 0, message: "" });
  },

  async "panic is internal and keeps its secret"() {
    const error = await fails(status.INTERNAL, "Panic", {});
    assert.ok(!error.details.includes(SECRET), "the secret is told");
  },

  async "panic mid stream is internal after its messages"() {
    const ended = await all(faults.PanicMidStream({ after: 3 }, within(10_000)));
    assert.equal(ended.code, "INTERNAL", ended.details);
    begins(ended.messages, 3);
    assert.ok(!ended.details.includes(SECRET), "the secret is told");
  },

  async "sleep answers"() {
    await unary(faults, "Sleep", { millis: 20 });
  },

  async "sleep beyond its deadline ends"() {
    await fails(status.DEADLINE_EXCEEDED, "Sleep", { millis: 60_000 }, { timeout: 200 });
  },

  async "block answers"() {
    await unary(faults, "Block", { millis: 20 });
  },

  async "ignore cancel answers"() {
    await unary(faults, "IgnoreCancel", { millis: 20 });
  },

  async "ignore cancel beyond its deadline ends"() {
    await fails(status.DEADLINE_EXCEEDED, "IgnoreCancel", { millis: 500 }, { timeout: 100 });
  },

  async "stream sends what was asked"() {
    for (const [count, size, interval_millis] of [[0, 0, 0], [1000, 0, 0], [100, 1000, 1], [3, 1 << 20, 0]]) {
      const ended = await all(faults.Stream({ count, size, interval_millis }, within(10_000)));
      assert.equal(ended.code, "OK", ended.details);
      assert.equal(ended.messages.length, count);
      assert.ok(ended.messages.every((message) => message.payload.length === size), "a size is another");
    }
  },

  async "stream refuses large payloads"() {
    const ended = await all(faults.Stream({ count: 1, size: (4 << 20) + 1 }, within(10_000)));
    assert.equal(ended.code, "INVALID_ARGUMENT", ended.details);
  },

  async "a cancelled stream ends"() {
    const call = faults.Stream({ count: 1_000_000, size: 10, interval_millis: 5 }, within(10_000));
    call.once("data", () => call.cancel());
    const ended = await all(call);
    assert.equal(ended.code, "CANCELLED", ended.details);
  },

  async "fail mid stream fails after its messages"() {
    for (const code of [status.DATA_LOSS, status.UNAVAILABLE]) {
      const ended = await all(faults.FailMidStream({ after: 4, code }, within(10_000)));
      assert.equal(ended.code, status[code], ended.details);
      begins(ended.messages, 4);
    }
  },

  async "collect counts"() {
    const reply = await new Promise((done, fail) => {
      const answer = (error, reply) => (error ? fail(error) : done(reply));
      const call = faults.Collect(new grpc.Metadata(), within(10_000), answer);
      for (let size = 0; size < 200; size += 1) {
        call.write({ payload: Buffer.alloc(size, "a") });
      }
      call.end();
    });
    assert.deepEqual({ ...reply }, { messages: 200, bytes: 19_900 });
  },

  async "chat answers each message"() {
    const call = faults.Chat(new grpc.Metadata(), within(10_000));
    const ended = all(call);
    for (const text of ["one", "", "three".repeat(10_000)]) {
      const payload = Buffer.from(text);
      const answer = new Promise((done, fail) => {
        call.once("data", done);
        call.once("end", () => fail(new Error("the stream ended before its answer")));
      });
      call.write({ payload });
      assert.ok((await answer).payload.equals(payload), "the payload is another");
    }
    call.end();
    const { messages, code, details } = await ended;
    assert.equal(code, "OK", details);
    assert.equal(messages.length, 3);
  },

  async "an unknown method is unimplemented"() {
    const bytes = (buffer) => buffer;
    const error = await new Promise((done) => {
      const path = "/rootcap.testing.Faults/NoSuch";
      faults.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), new grpc.Metadata(), within(10_000), done);
    });
    assert.equal(error?.code, status.UNIMPLEMENTED);
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED: ${name}: ${error.message}`);
  }
}
greeter.close();
faults.close();
const total = Object.keys(checks).length;
console.log(`${total - failed} of ${total} checks hold`);
process.exitCode = failed ? 1 : 0;
