/** An image service for Astro: `image: {service: {entrypoint: "darkroom-pictures/astro", config: {url, token}}}`. */

import { addressOf, embedOf, imageAttributes } from "./pictures.js";

const embeds = new Map(); // one request a picture and build

function embedFor(picture, { url, token }) {
  const address = addressOf(url, picture);
  if (!embeds.has(address)) embeds.set(address, embedOf(url, picture, token));
  return embeds.get(address);
}

export default {
  async validateOptions(options, { service }) {
    if (!service.config?.url) throw new Error("The image service needs config.url: the address of Darkroom's pages.");
    if (typeof options.src !== "string") {
      throw new Error("Darkroom shows pictures of a stack. Use <Image src=\"beach.jpg\">, the picture's name there.");
    }
    const embed = await embedFor(options.src, service.config);
    return { ...options, width: embed.width, height: embed.height, embed };
  },
  getURL: ({ embed }) => embed.src,
  // The attributes have the addresses of all widths.
  getSrcSet: () => [],
  getHTMLAttributes({ src, embed, alt, sizes, format, quality, densities, widths, inferSize, ...others }) {
    const { src: address, ...attributes } = imageAttributes(embed, alt, sizes);
    return { ...attributes, ...others, width: embed.width, height: embed.height };
  },
};
