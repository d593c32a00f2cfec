/** <darkroom-picture src="https://pictures.example.com/beach.jpg" alt="A beach">: a <picture> element that fills itself. */

customElements.define(
  "darkroom-picture",
  class extends HTMLElement {
    static observedAttributes = ["src", "alt", "sizes"];

    attributeChangedCallback() {
      // One update for several attributes.
      this.update ??= Promise.resolve().then(() => this.show());
    }

    async show() {
      this.update = undefined;
      const src = this.getAttribute("src");
      if (!src) return this.replaceChildren();
      const embed = await fetch(src, { headers: { Accept: "application/json" } })
        .then((response) => response.json())
        .then((document) => document.embed)
        .catch(() => undefined);
      if (src !== this.getAttribute("src")) return; // changed meanwhile
      const sizes = this.getAttribute("sizes") ?? embed?.sizes;
      const picture = document.createElement("picture");
      for (const source of embed?.sources ?? []) picture.append(this.element("source", { ...source, sizes }));
      picture.append(
        this.element("img", {
          loading: "lazy",
          decoding: "async",
          alt: this.getAttribute("alt") ?? "",
          style: `max-width: 100%; height: auto; background: ${embed?.background ?? "none"}`,
          ...(embed && { width: embed.width, height: embed.height, sizes, srcset: embed.srcset }),
          // Without a document the address itself redirects to the best rendition.
          src: embed?.src ?? src,
        }),
      );
      this.replaceChildren(picture);
    }

    element(name, attributes) {
      const element = document.createElement(name);
      for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
      return element;
    }
  },
);
