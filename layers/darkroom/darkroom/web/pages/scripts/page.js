// Helpers that the other scripts use: selectors, the site's address, JSON requests.
const find = (selector, from = document) => from.querySelector(selector);
const findAll = (selector, from = document) => from.querySelectorAll(selector);
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// The first link of every page leads to the site's root.
const site = new URL(find("body > header a").getAttribute("href"), location.href);
for (const place of findAll("[data-address]")) place.textContent = site.href;

// Returns a function that calls `callback` before the next frame, however often it is called until then.
const onceAFrame = (callback) => {
  let requested = false;
  return () => {
    if (requested) return;
    requested = true;
    requestAnimationFrame(() => {
      requested = false;
      callback();
    });
  };
};

const fetchJson = async (url, options = {}) => {
  const response = await fetch(url, { cache: "no-store", ...options, headers: { Accept: "application/json", ...options.headers } });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(body.detail || `HTTP status ${response.status}`), { status: response.status });
  return body;
};

// Retries after network errors, 429 and 5xx, with growing pauses up to 4 s.
const retried = async (request) => {
  for (let pause = 500; ; pause *= 2) {
    try {
      return await request();
    } catch (fault) {
      if ((fault.status && fault.status < 500 && fault.status !== 429) || pause > 4000) throw fault;
      await sleep(pause);
    }
  }
};
