/** A plug-in for Eleventy with the shortcode {% darkroom "beach.jpg", "alt text" %}: a <picture> element. */

import { embedOf, markupOf } from "./pictures.js";

export default function darkroom(configuration, { url, token } = {}) {
  if (!url) throw new Error("The plug-in needs the option url: the address of Darkroom's pages.");
  configuration.addAsyncShortcode("darkroom", async (picture, alt, sizes) => {
    if (alt === undefined) throw new Error(`${picture}: give a text for people who can't see it, or "" for decoration.`);
    return markupOf(await embedOf(url, picture, token), alt, sizes);
  });
}
