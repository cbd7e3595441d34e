/**
 * Keeps the site for use without a network. Its address names the site (?site=DIGEST): another site
 * is another worker, with a cache of its own. What is big is kept when it is first fetched.
 */

const CACHE = `slide-mobile ${self.registration.scope} ${new URL(self.location).searchParams.get("site")}`;
const OURS = `slide-mobile ${self.registration.scope} `;
const PAGE = ["./", "site.json"];

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope))
    event.respondWith(answer(event.request));
});

async function install() {
  const cache = await caches.open(CACHE);
  const { page } = await (await fetch("site.json", { cache: "no-cache" })).json();
  await cache.addAll([...PAGE, ...page].map((path) => new Request(path, { cache: "no-cache" })));
  await self.skipWaiting();
}

/** Deletes what sites before this one kept, and serves pages that are open. */
async function activate() {
  const names = (await caches.keys()).filter((name) => name.startsWith(OURS) && name !== CACHE);
  await Promise.all(names.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** What is kept; site.json, which says whether the site is new, comes from the network if it can. */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const fresh = new URL(request.url).pathname.endsWith("/site.json");
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept && !fresh) return kept;
  try {
    const found = await fetch(request);
    if (fresh && found.status === 404) await self.registration.unregister(); // another site's address now
    if (found.ok && found.status === 200 && !fresh) await cache.put(request, found.clone());
    return found;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}
