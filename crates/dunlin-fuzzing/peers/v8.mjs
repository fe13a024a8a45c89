// Runs closed modules (src/objects/close.rs) on V8, as src/objects/ours.rs does on Dunlin: the same steps, told in
// the same words.
import { answer, readLine } from "./lines.mjs";

const INSTANCES_MAX = 8;

// What V8 says of a trap, and what both engines can tell apart.
const TRAPS = [
  [/^unreachable/, "unreachable"],
  [/^memory access out of bounds|^data segment|^operation does not support unaligned/, "memory"],
  [/by zero/, "zero"],
  [/unrepresentable/, "number"],
  [/^table |^element segment/, "table"],
  [/^null function|^function signature/, "call"],
  [/^dereferencing a null pointer|^rethrowing null/, "null"],
  [/^illegal cast/, "cast"],
  [/^array element access/, "array"],
  [/^Atomics.wait/, "wait"],
];

const hex = (number) => BigInt.asUintN(64, number).toString(16);

// The bits of a float; of every NaN the same.
function bits(number, double) {
  const view = new DataView(new ArrayBuffer(8));
  if (double) view.setFloat64(0, Number.isNaN(number) ? NaN : number);
  else view.setFloat32(0, Number.isNaN(number) ? NaN : number);
  return double ? view.getBigUint64(0).toString(16) : view.getUint32(0).toString(16);
}

class Run {
  constructor(module, memories, tags) {
    Object.assign(this, { module, memories, tags, count: 0, instance: undefined });
  }

  // Says how an instantiation ended.
  instantiate() {
    this.log = 0n;
    this.count += 1;
    const host = (number) => {
      const turned = (this.log << 5n) | (this.log >> 59n);
      this.log = BigInt.asUintN(64, (turned ^ BigInt.asUintN(64, number)) * 0x517cc1b727220a95n);
      return BigInt.asIntN(64, this.log ^ (this.log >> 29n));
    };
    const ending = this.guard(() => {
      this.instance = new WebAssembly.Instance(this.module, { "~": { host } }).exports;
      return "v";
    });
    return ending;
  }

  guard(action) {
    try {
      return action();
    } catch (error) {
      return this.ending(error);
    }
  }

  ending(error) {
    if (error instanceof WebAssembly.RuntimeError) {
      // Constant expressions of segments say where they are, first of all.
      const message = error.message.replace("WebAssembly.Instance(): ", "");
      const known = TRAPS.find(([text]) => text.test(message));
      if (known) return `t ${known[1]}`;
      return message.startsWith("requested new array") ? `l ${message}` : `? ${message}`;
    }
    if (error instanceof RangeError) return `l ${error.message}`;
    if (error instanceof WebAssembly.Exception && this.instance) return this.thrown(error);
    return error instanceof WebAssembly.Exception ? "x" : `? ${error}`;
  }

  thrown(error) {
    const index = this.tags.findIndex((_, index) => error.is(this.instance[`~t${index}`]));
    if (index < 0) return "? an exception of no tag";
    const tag = this.instance[`~t${index}`];
    const payload = [...this.tags[index]].map((letter, at) => {
      switch (letter) {
        case "i": return (error.getArg(tag, at) >>> 0).toString(16);
        case "l": return hex(error.getArg(tag, at));
        case "f": return bits(error.getArg(tag, at), false);
        case "d": return bits(error.getArg(tag, at), true);
        default: return "_";
      }
    });
    return ["x", index, ...payload].join(" ");
  }

  call(name, values) {
    if (!this.instance) {
      if (this.count === INSTANCES_MAX) return undefined;
      const ending = this.instantiate();
      if (ending !== "v") return `i ${ending}\t`;
    }
    const ending = this.guard(() => {
      const results = this.instance[name](...values.map((value) => BigInt.asIntN(64, BigInt("0x" + value))));
      const list = results === undefined ? [] : Array.isArray(results) ? results : [results];
      return ["v", ...list.map(hex)].join(" ");
    });
    return this.told(ending);
  }

  // A step with what can be seen after it. What an engine's own limit ended leaves nothing to compare.
  told(ending) {
    if (ending.startsWith("l")) {
      this.instance = undefined;
      return `${ending}\t`;
    }
    if (!this.instance) return `${ending}\t`;
    const seen = this.guard(() => hex(this.instance["~s"]()));
    const memories = [];
    for (let index = 0; index < this.memories; index += 1) {
      memories.push(hash(this.instance[`~m${index}`].buffer));
    }
    const state = [this.log.toString(16), seen, ...memories].join(" ");
    if (ending === "t unreachable" || seen.startsWith("l")) this.instance = undefined;
    return seen.startsWith("l") ? `${seen}\t` : `${ending}\t${state}`;
  }
}

function hash(buffer) {
  const words = new Int32Array(buffer);
  let all = words.length | 0;
  for (let index = 0; index < words.length; index += 1) {
    all = Math.imul(((all << 5) | (all >>> 27)) ^ words[index], 0x9e3779b1);
  }
  return (all >>> 0).toString(16);
}

// A request: the module, how many memories, what exceptions hold, and the calls.
function run(line) {
  const [bytes, memories, tags, calls] = line.split(" ");
  let module;
  try {
    module = new WebAssembly.Module(Buffer.from(bytes, "hex"));
  } catch (error) {
    // No standard says whether both forms of exceptions may stand in one module.
    return [error.message.includes("mix of legacy and new exception") ? "refused" : `invalid ${error.message}`];
  }
  const run = new Run(module, Number(memories), tags === "-" ? [] : tags.split(",").map((tag) => tag.slice(1)));
  const lines = ["valid", run.told(run.instantiate())];
  if (!run.instance && !lines[1].startsWith("t unreachable")) return lines;
  for (const call of calls === "-" ? [] : calls.split(";")) {
    const [name, ...values] = call.split(",");
    const step = run.call(name, values);
    if (step === undefined) break;
    lines.push(step);
  }
  return lines;
}

for (let line = readLine(); line !== undefined; line = readLine()) {
  answer(run(line));
}
