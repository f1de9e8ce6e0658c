// Writes a JavaScript program that makes the same resources as a synthesized
// CDKTF app, the way its author would have written it by hand: one require per
// used module, plain configs, the same construct tree.
//
//   node peer.js <cdktf.out> > program.js
//   CDKTF_OUTDIR=<directory> node program.js
//
// References stay the strings they are in the JSON, which spares the program
// the token objects that a hand-written one would create: if anything it is
// the faster for it.
"use strict";
const fs = require("fs");
const path = require("path");

// Attributes whose keys are the user's own, not the provider's.
const MAPS = new Set(["tags", "tags_all", "default_tags", "dimensions", "variables", "parameter"]);

const camel = (s) => s.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase());
const kebab = (s) => s.replace(/_/g, "-");
const pascal = (s) => camel("_" + s);

function config(value) {
  if (Array.isArray(value)) return value.map(config);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "//")
      .map(([key, v]) => (/^[a-z][a-z0-9_]*$/.test(key) ? [camel(key), MAPS.has(key) ? v : config(v)] : [key, v])),
  );
}

const modules = new Map();
const lines = [];
let nextVar = 0;

// className is what the provider's module exports for a Terraform type: the
// bindings append a letter where the plain name is taken.
function className(dir, type) {
  const exported = require("@cdktf/provider-aws/lib/" + dir);
  const found = Object.keys(exported).find((name) => exported[name].tfResourceType === type);
  if (!found) throw new Error(`no class for ${type} in ${dir}`);
  modules.set(found, dir);
  return found;
}

function emitStack(name, stack) {
  const scopes = new Map([[name, "s" + nextVar++]]);
  lines.push(`const ${scopes.get(name)} = new TerraformStack(app, ${JSON.stringify(name)});`);
  const scope = (p) => {
    if (!scopes.has(p)) {
      const parent = scope(path.posix.dirname(p));
      scopes.set(p, "s" + nextVar++);
      lines.push(`const ${scopes.get(p)} = new Construct(${parent}, ${JSON.stringify(path.posix.basename(p))});`);
    }
    return scopes.get(p);
  };
  const emit = (cls, where, cfg) =>
    lines.push(`new ${cls}(${scope(path.posix.dirname(where))}, ${JSON.stringify(path.posix.basename(where))}, ${JSON.stringify(cfg)});`);

  for (const [i, cfg] of [stack.provider?.aws ?? []].flat().entries())
    emit(className("provider", "aws"), `${name}/aws${i || ""}`, config(cfg));
  for (const [section, prefix] of [["data", "data-"], ["resource", ""]])
    for (const [type, byId] of Object.entries(stack[section] ?? {})) {
      if (!type.startsWith("aws_")) continue;
      const dir = prefix + kebab(prefix ? type : type.slice("aws_".length));
      const cls = className(dir, type);
      for (const body of Object.values(byId)) {
        const cfg = config(body);
        delete cfg.provider;
        if (cfg.dependsOn) cfg.dependsOn = cfg.dependsOn.map((fqn) => ({ fqn }));
        emit(cls, body["//"].metadata.path, cfg);
      }
    }
}

const stacks = path.join(process.argv[2], "stacks");
for (const name of fs.readdirSync(stacks).sort())
  emitStack(name, JSON.parse(fs.readFileSync(path.join(stacks, name, "cdk.tf.json"), "utf8")));

console.log(`"use strict";
const { App, TerraformStack } = require("cdktf");
const { Construct } = require("constructs");
${[...modules].map(([cls, dir]) => `const { ${cls} } = require("@cdktf/provider-aws/lib/${dir}");`).join("\n")}
const app = new App();
${lines.join("\n")}
app.synth();`);
