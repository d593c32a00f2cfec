import { defineConfig } from "astro/config";
export default defineConfig({ image: { service: { entrypoint: "darkroom-pictures/astro", config: { url: process.env.DARKROOM_URL } } } });
