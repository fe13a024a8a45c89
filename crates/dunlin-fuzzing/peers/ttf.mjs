// Makes modules with binaryen's generator: `wasm-opt --translate-to-fuzz`, a program that would start anew for each
// module, is loaded once and its main function run for each request.
//
// A request: the bytes that decide, and the program's other arguments. The answer: the module, or why there is none.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { answer, readLine } from "./lines.mjs";

const program = process.argv[2];
const text = readFileSync(program, "utf8").replace(/^#!.*/, "");
const start = new Function("Module", "require", "module", "__filename", "__dirname", text);
const require = createRequire(program);
const input = join(tmpdir(), `ttf-${process.pid}.dat`);
const output = join(tmpdir(), `ttf-${process.pid}.wasm`);
let compiled;

// The program ends itself by an exception that nothing catches.
process.on("unhandledRejection", () => {});

function instantiateWasm(imports, done) {
  done(new WebAssembly.Instance(compiled, imports));
}

// The program's code, taken when it loads itself for the first time.
async function compile() {
  const original = WebAssembly.instantiate;
  const bytes = await new Promise((resolve) => {
    WebAssembly.instantiate = (source) => {
      resolve(source);
      return new Promise(() => {});
    };
    start({}, require, {}, program, dirname(program));
  });
  WebAssembly.instantiate = original;
  compiled = await WebAssembly.compile(bytes);
}

async function generate(bytes, words) {
  writeFileSync(input, Buffer.from(bytes, "hex"));
  rmSync(output, { force: true });
  process.argv = [process.argv[0], program, input, "--translate-to-fuzz", ...words, "-o", output];
  start({ instantiateWasm, printErr() {}, print() {} }, require, {}, program, dirname(program));
  await new Promise((resolve) => setImmediate(resolve));
  process.exitCode = 0;
  try {
    return readFileSync(output).toString("hex");
  } catch {
    return "-";
  }
}

await compile();
for (let line = readLine(); line !== undefined; line = readLine()) {
  const [bytes, ...words] = line.split(" ");
  answer([await generate(bytes, words)]);
}
rmSync(input, { force: true });
rmSync(output, { force: true });
