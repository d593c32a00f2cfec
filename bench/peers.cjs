// The peers of the benchmark, run as their users run them. The packages are in NODE_PATH. Start Node with
// --no-experimental-fetch: libSquoosh loads its WebAssembly with `fetch` if there is one, which can't read files.
//
//   node peers.cjs ladder PEER SIZES FILE FOLDER   one whole process: a file to JPEGs; SIZES is width:quality,...
//   node peers.cjs encode PEER                     a server: one JSON request per line, {file, quality, out}
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

const [command, ...rest] = process.argv.slice(2);
({ ladder, encode })[command](...rest).then(
  () => process.exit(0),
  (fault) => {
    process.stderr.write(`${fault.stack}\n`);
    process.exit(1);
  },
);
