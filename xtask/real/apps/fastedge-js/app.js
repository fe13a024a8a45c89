// An app for FastEdge in JavaScript, by its SDK: what it is given comes back, and what it was granted is read.

import { getEnv } from "fastedge::env";
import { KvStore } from "fastedge::kv";
import { getSecret } from "fastedge::secret";

const PIECE = { bytes: 65536, count: 64 };

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const url = new URL(request.url);
  switch (url.pathname) {
    case "/":
      return new Response(`hello, ${request.headers.get("user-agent") ?? "nobody"}\n`);
    case "/granted":
      return new Response(`${getEnv("SHORE")} ${getSecret("TIDE")} ${getEnv("NONE")} ${getSecret("NONE")}\n`);
    case "/stored":
      return new Response(stored());
    case "/strange":
      return new Response(strange());
    case "/fetched":
      return fetched(url.searchParams.get("from"));
    case "/echo":
      return new Response(request.body);
    case "/stream":
      return new Response(pieces(3, async (at) => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return new TextEncoder().encode(`line ${at}\n`);
      }));
    case "/large":
      return new Response(pieces(PIECE.count, async () => new Uint8Array(PIECE.bytes).fill(120)));
    default:
      return new Response("not here\n", { status: 404 });
  }
}

function stored() {
  const store = KvStore.open("shells");
  const text = (bytes) => bytes === null ? "null" : new TextDecoder().decode(bytes);
  const scored = (pairs) => pairs.map(([value, score]) => `${text(value)}=${score}`).join(" ");
  return [
    text(store.get("colour")),
    text(store.get("none")),
    store.scan("s*").sort().join(" "),
    scored(store.zrangeByScore("sizes", 1, 2)),
    scored(store.zscan("sizes", "w*")),
    `${store.bfExists("seen", "whelk")} ${store.bfExists("seen", "crab")}`,
  ].join("\n") + "\n";
}

function strange() {
  try {
    KvStore.open("none");
    return "there is one\n";
  } catch {
    return "there is none\n";
  }
}

async function fetched(from) {
  try {
    const response = await fetch(from, { headers: { "x-asked": "yes" } });
    return new Response(`${response.status} ${await response.text()}`);
  } catch {
    return new Response("refused\n");
  }
}

function pieces(count, make) {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      if (at === count) return controller.close();
      controller.enqueue(await make(at));
      at += 1;
    },
  });
}
