// Calls until told to stop: `node grpc_js_load.mjs <host:port>`.
//
// Prints `done <unary> <streams>` as it goes, `lost <what>` for each call that fails, and ends when its stdin does. The
// channel is as grpc-js makes it: no retry policy, no waiting for readiness. Needs `@grpc/grpc-js` and
// `@grpc/proto-loader`, from the node_modules directory that TEST_NODE_MODULES names, else from where node looks.

import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const modules = process.env.TEST_NODE_MODULES;
const require = createRequire(modules ? join(resolve(modules), "..", "index.js") : import.meta.url);
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const PROTO = fileURLToPath(new URL("../../proto/proto", import.meta.url));
const UNARY = 6;
const STREAMS = 6;
const MESSAGES = 5;
const PAUSE_MILLIS = 40;
// Far more than a restart takes: it bounds the test where the server is wrong.
const TIMEOUT_MILLIS = 60_000;

const definition = loader.loadSync(["helloworld.proto", "rootcap/testing/faults.proto"], { includeDirs: [PROTO] });
const packages = grpc.loadPackageDefinition(definition);
const credentials = grpc.credentials.createInsecure();
const greeter = new packages.helloworld.Greeter(process.argv[2], credentials);
const faults = new packages.rootcap.testing.Faults(process.argv[2], credentials);

const done = [0, 0];
let stopped = false;

const within = () => ({ deadline: Date.now() + TIMEOUT_MILLIS });
const say = () => console.log("done", ...done);

function count(kind) {
  done[kind] += 1;
  if ((done[0] + done[1]) % 100 === 0) say();
}

function unary() {
  return new Promise((end, fail) => {
    greeter.sayHello({ name: "grpc-js" }, within(), (error) => (error ? fail(error) : end()));
  });
}

function stream() {
  return new Promise((end, fail) => {
    const request = { count: MESSAGES, size: 10, intervalMillis: PAUSE_MILLIS };
    let replies = 0;
    const call = faults.stream(request, within());
    call.on("data", () => (replies += 1));
    call.on("error", fail);
    call.on("end", () => {
      if (replies === MESSAGES) end();
    });
    // Without an error the end has been told; then too few messages are a failure.
    call.on("status", ({ code, details }) => {
      if (code === grpc.status.OK && replies !== MESSAGES) fail({ code, details });
    });
  });
}

async function repeat(kind, what, call) {
  while (!stopped) {
    try {
      await call();
      count(kind);
    } catch ({ code, details }) {
      console.log("lost", what, code, details);
    }
  }
}

process.stdin.resume();
process.stdin.on("end", () => (stopped = true));
const loops = [];
for (let at = 0; at < UNARY; at += 1) loops.push(repeat(0, "unary", unary));
for (let at = 0; at < STREAMS; at += 1) loops.push(repeat(1, "stream", stream));
await Promise.all(loops);
say();
greeter.close();
faults.close();
