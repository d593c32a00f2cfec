/** Addresses, documents and markup of the pictures of a stack. `stack` is the address of its pages. */

/**
 * Returns the address of a picture. `picture` is a file name with or without folders ("holiday/beach.png"), which leads to the
 * newest picture of that name; or "pictures/{id}"; or a whole address, which is returned as it is.
 */
export function addressOf(stack, picture) {
  if (/^https?:\/\//.test(picture)) return picture;
  const path = picture.replace(/^\/+/, "");
  const alias = /^pictures\/[^/]+$/.test(path) ? path : path.replace(/\.[^./]*$/, "") + ".jpg";
  return `${stack.replace(/\/+$/, "")}/${alias.split("/").map(encodeURIComponent).join("/")}`;
}

/**
 * Returns what a page needs to show a picture: the member `embed` of its document (docs/api.md). Throws an Error with one
 * sentence if there is no such picture, if it is not rendered, or if other pages can't load it.
 */
export async function embedOf(stack, picture, token = "") {
  const address = addressOf(stack, picture);
  const headers = { Accept: "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(address, { headers });
  const document = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(`${address}: ${document.detail ?? document.message ?? response.status}`);
  if (document.rejection) throw new Error(`${address}: ${document.rejection.sentence}`);
  if (!document.renditions) throw new Error(`${address}: The picture is not rendered yet. Try again shortly.`);
  if (!document.embed) {
    throw new Error(`${address}: Other pages can't load this picture. Deploy with CloudFront=true or PublicPages=true.`);
  }
  return document.embed;
}

/** Returns the attributes of the <img>. */
export function imageAttributes(embed, alt, sizes = embed.sizes) {
  return {
    src: embed.src,
    srcset: embed.srcset,
    sizes,
    width: embed.width,
    height: embed.height,
    style: `max-width: 100%; height: auto; background: ${embed.background}`,
    loading: "lazy",
    decoding: "async",
    alt,
  };
}

/** Returns a <picture> element as HTML. */
export function markupOf(embed, alt, sizes = embed.sizes) {
  const sources = embed.sources.map((source) => `<source${html({ ...source, sizes })}>`);
  return `<picture>${sources.join("")}<img${html(imageAttributes(embed, alt, sizes))}></picture>`;
}

function html(attributes) {
  const escaped = (value) => String(value).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${escaped(value)}"`)
    .join("");
}
