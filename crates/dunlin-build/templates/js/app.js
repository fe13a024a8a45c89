// Answers HTTP requests: every request has an instance of its own, which begins with the memory that the
// build left.

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const { pathname } = new URL(request.url);
  return new Response(`Hello from {{name}}, ${pathname}\n`, {
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}
