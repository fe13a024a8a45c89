// An app for `wasi:http` in JavaScript, by componentize-js: what it is given comes back as it comes, and what it
// makes goes as it is made.

const PIECE = { bytes: 65536, count: 64 };

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  switch (new URL(request.url).pathname) {
    case "/":
      return new Response(`hello, ${request.headers.get("user-agent") ?? "nobody"}\n`);
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
