// The peers of the benchmark, run as their users run them. The packages are in NODE_PATH. Start Node with
// --no-experimental-fetch: libSquoosh loads its WebAssembly with `fetch` if there is one, which can't read files.
//
//   node peers.cjs ladder PEER SIZES FILE FOLDER   one whole process: a file to JPEGs; SIZES is width:quality,...
//   node peers.cjs encode PEER                     a server: one JSON request per line, {file, quality, out}
//   node peers.cjs graphics PEER FOLDER            each NAME.png to NAME.CANDIDATE, by sharp or squoosh at its best
//
// PEER is squoosh (@squoosh/lib, MozJPEG at its defaults), sharp (its mozjpeg option), sharp-plain, or sharp-webp and
// sharp-avif (their defaults).
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");

const SHARP = {
  sharp: ["jpeg", { mozjpeg: true }],
  "sharp-plain": ["jpeg", {}],
  "sharp-webp": ["webp", {}],
  "sharp-avif": ["avif", {}],
};

/** Returns a peer: `encoded(file, quality, width)` returns the bytes; without a width it does not resize. */
function peer(name) {
  return name === "squoosh" ? squoosh() : sharp(...SHARP[name]);
}

function sharp(format, options) {
  const library = require("sharp");
  const encoded = (file, quality, width) => {
    // One pipeline per width, as sharp documents: libvips then picks the decoder's reduction for each.
    const upright = library(file).autoOrient();
    const sized = width ? upright.resize({ width, withoutEnlargement: true }) : upright;
    return sized[format]({ quality, ...options }).toBuffer();
  };
  return { encoded, close: async () => {} };
}

function squoosh() {
  const { ImagePool } = require("@squoosh/lib");
  const pool = new ImagePool(1);
  const encoded = async (file, quality, width) => {
    // An image of the pool can be resized only once, so each width decodes again.
    const image = pool.ingestImage(fs.readFileSync(file));
    const { bitmap } = await image.decoded;
    if (width && width < bitmap.width) await image.preprocess({ resize: { width } });
    await image.encode({ mozjpeg: { quality } });
    return (await image.encodedWith.mozjpeg).binary;
  };
  return { encoded, close: () => pool.close() };
}

async function ladder(name, sizes, file, folder) {
  const { encoded, close } = peer(name);
  fs.mkdirSync(folder, { recursive: true });
  for (const size of sizes.split(",")) {
    const [width, quality] = size.split(":").map(Number);
    fs.writeFileSync(path.join(folder, `${width}.jpg`), await encoded(file, quality, width));
  }
  await close();
}

async function encode(name) {
  const { encoded, close } = peer(name);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { file, quality, out } = JSON.parse(line);
    fs.writeFileSync(out, await encoded(file, quality, null));
    process.stdout.write("done\n");
  }
  await close();
}

/** The slowest settings of each peer; `near` and `palette` lose pixels. */
const SHARP_GRAPHICS = {
  "sharp-png": (image) => image.png({ compressionLevel: 9 }),
  "sharp-palette": (image) => image.png({ palette: true, compressionLevel: 9, effort: 10 }),
  "sharp-webp": (image) => image.webp({ lossless: true, quality: 100, effort: 6 }),
  "sharp-near": (image) => image.webp({ nearLossless: true, quality: 60, effort: 6 }),
};
const SQUOOSH_GRAPHICS = {
  "squoosh-png": [{}, { oxipng: { level: 6 } }],
  "squoosh-palette": [{ quant: { numColors: 256, dither: 1 } }, { oxipng: { level: 6 } }],
  "squoosh-webp": [{}, { webp: { lossless: 1, quality: 100, method: 6 } }],
};

/** Returns a peer's encoders of graphics by candidate: a file to bytes. */
function graphicsPeer(name) {
  if (name === "sharp") {
    const library = require("sharp");
    const of = ([candidate, encoded]) => [candidate, (file) => encoded(library(file)).toBuffer()];
    return { encoders: Object.entries(SHARP_GRAPHICS).map(of), close: async () => {} };
  }
  const { ImagePool } = require("@squoosh/lib");
  const pool = new ImagePool(1);
  const of = ([candidate, [prepared, options]]) => [
    candidate,
    async (file) => {
      const image = pool.ingestImage(fs.readFileSync(file));
      await image.decoded;
      await image.preprocess(prepared);
      await image.encode(options);
      const [encoded] = await Promise.all(Object.values(image.encodedWith));
      return encoded.binary;
    },
  ];
  return { encoders: Object.entries(SQUOOSH_GRAPHICS).map(of), close: () => pool.close() };
}

/** Takes up to two minutes a file, so what exists is kept. */
async function graphics(peerName, folder) {
  const { encoders, close } = graphicsPeer(peerName);
  for (const file of fs.readdirSync(folder).filter((name) => name.endsWith(".png"))) {
    for (const [candidate, encoded] of encoders) {
      const out = path.join(folder, `${path.parse(file).name}.${candidate}`);
      if (!fs.existsSync(out)) fs.writeFileSync(out, await encoded(path.join(folder, file)));
    }
  }
  await close();
}

const [command, ...rest] = process.argv.slice(2);
({ ladder, encode, graphics })[command](...rest).then(
  () => process.exit(0),
  (fault) => {
    process.stderr.write(`${fault.stack}\n`);
    process.exit(1);
  },
);
