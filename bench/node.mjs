// Runs a WASI command in Node: `node node.mjs [OPTIONS] FILE [ARGS…]`; a peer of `cargo xtask bench` and of
// `cargo xtask real`. Options: `--dir HOST::GUEST` and `--env NAME=VALUE`, any number of them, and
// `--stubs`, which makes functions that nobody provides trap.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const words = process.argv.slice(2);
const [preopens, env] = [{}, {}];
let stubs = false;
while (words[0]?.startsWith("--")) {
    const option = words.shift();
    if (option === "--stubs") {
        stubs = true;
    } else if (option === "--dir") {
        const [host, guest] = words.shift().split("::");
        preopens[guest] = host;
    } else if (option === "--env") {
        const [name, ...value] = words.shift().split("=");
        env[name] = value.join("=");
    } else {
        throw new Error(`unknown option ${option}`);
    }
}
const wasi = new WASI({ version: "preview1", args: words, preopens, env, returnOnExit: false });
const module = await WebAssembly.compile(await readFile(words[0]));
const imports = wasi.getImportObject();
for (const { module: from, name, kind } of stubs ? WebAssembly.Module.imports(module) : []) {
    imports[from] ??= {};
    if (kind === "function") {
        imports[from][name] ??= () => {
            throw new WebAssembly.RuntimeError(`nobody provides ${from}.${name}`);
        };
    }
}
wasi.start(await WebAssembly.instantiate(module, imports));
