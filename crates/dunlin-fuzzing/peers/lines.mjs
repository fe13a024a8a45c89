// Reads lines from the standard input and writes to the standard output, both while nothing else happens: each
// request is answered before the next one is read.
import { readSync, writeSync } from "node:fs";

let rest = Buffer.alloc(0);

// The next line; undefined at the end.
export function readLine() {
  const pieces = [];
  for (;;) {
    const end = rest.indexOf(10);
    if (end >= 0) {
      pieces.push(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      return Buffer.concat(pieces).toString("latin1");
    }
    pieces.push(rest);
    rest = Buffer.alloc(1 << 16);
    const count = readSync(0, rest, 0, rest.length, null);
    if (count === 0) return undefined;
    rest = rest.subarray(0, count);
  }
}

// Writes lines, and the one that ends an answer.
export function answer(lines) {
  const bytes = Buffer.from(lines.join("\n") + "\n.\n");
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(1, bytes, done);
  }
}
