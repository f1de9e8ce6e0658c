// Runs the stock jsii kernel, lib/program.js, in one Node process instead of
// two, and keeps the bytecode V8 makes of the modules it loads, so that the
// next run need not compile them again.
//
// The stock launcher starts the kernel as a child of its own and relays every
// request. Here the shell has done the plumbing: requests come in on 3, answers
// go out on 4, and 1 and 2 are the channel on which the Go side expects console
// output, one JSON object a line. The stock launcher's warning of a Node version
// that jsii does not support any more is lost.
"use strict";
const crypto = require("crypto");
const fs = require("fs");
const Module = require("module");
const path = require("path");
const vm = require("vm");

// The kernel reads and writes one socket, 3; a pair of pipes has two ends.
const { writeSync } = fs;
fs.writeSync = (fd, ...rest) => writeSync(fd === 3 ? 4 : fd, ...rest);

for (const name of ["stdout", "stderr"]) {
  process[name].write = (chunk, encoding, done) => {
    const message = { [name]: Buffer.from(chunk, encoding).toString("base64") };
    let rest = Buffer.from(JSON.stringify(message) + "\n");
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(2, rest));
      } catch (e) {
        if (e.code !== "EAGAIN") throw e; // full: the Go side is reading
      }
    }
    const callback = typeof encoding === "function" ? encoding : done;
    if (callback) process.nextTick(callback);
    return true;
  };
}

// The bytecode file: SHA-256 of the rest, length of the index, the index
// {module: [offset, length]} as JSON, the data. V8 itself refuses bytecode of
// another version or other flags, but does not look for damage.
const codeFile = path.join(__dirname, `code-${process.version}-${process.arch}`);
const sha256 = (data) => crypto.createHash("sha256").update(data).digest();
const known = new Map();
try {
  const file = fs.readFileSync(codeFile);
  if (sha256(file.subarray(32)).equals(file.subarray(0, 32))) {
    const start = 36 + file.readUInt32LE(32);
    for (const [id, [offset, length]] of Object.entries(JSON.parse(file.toString("utf8", 36, start))))
      known.set(id, file.subarray(start + offset, start + offset + length));
  }
} catch {
  // Absent or unreadable: compile.
}

// A module's name is its path without the kernel's install directory, which is
// a new one in every run.
const idOf = (filename) => filename.slice(Math.max(0, filename.indexOf("/node_modules/")));
const scripts = new Map();
let learned = false;

const compileStock = require.extensions[".js"];
require.extensions[".js"] = (module, filename) => {
  const id = idOf(filename);
  let script;
  try {
    const source = Module.wrap(fs.readFileSync(filename, "utf8"));
    script = new vm.Script(source, { filename, cachedData: known.get(id) });
  } catch {
    return compileStock(module, filename);
  }
  learned = learned || script.cachedDataRejected !== false;
  scripts.set(id, script);
  const requireHere = Module.createRequire(filename);
  return script.runInThisContext().call(module.exports, module.exports, requireHere, module, filename, path.dirname(filename));
};

process.on("exit", () => {
  if (!learned) return;
  const temporary = `${codeFile}.${process.pid}`;
  try {
    const index = {};
    const data = [];
    let offset = 0;
    for (const [id, script] of scripts) {
      const code = script.createCachedData();
      index[id] = [offset, code.length];
      offset += code.length;
      data.push(code);
    }
    const head = Buffer.from("0000" + JSON.stringify(index));
    head.writeUInt32LE(head.length - 4);
    const body = Buffer.concat([head, ...data]);
    fs.writeFileSync(temporary, Buffer.concat([sha256(body), body]), { mode: 0o600 });
    fs.renameSync(temporary, codeFile);
  } catch {
    // A full disk costs the next run its head start, nothing else.
    try {
      fs.unlinkSync(temporary);
    } catch {}
  }
});

// cdktf notes with every token the whole stack that made it, for its error
// messages: frames of the kernel, which say nothing to somebody who writes Go.
const { captureStackTrace } = Error;
Error.captureStackTrace = (object, below) => {
  if (Error.stackTraceLimit !== Number.MAX_SAFE_INTEGER) captureStackTrace(object, below);
};

// An interrupt reaches this process too. The Go side ends the kernel, which
// then removes what it has put into the temporary directory.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});

require("./program.js");
