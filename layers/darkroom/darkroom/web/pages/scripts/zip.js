// Job page: saves the job's renditions as a ZIP, which this browser makes: pictures are compressed already, so the
// files are stored as they are. Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
const crc32 = (bytes) => {
  let crc = ~0;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 255];
  return ~crc >>> 0;
};
const LIMIT = 0xffffffff; // larger numbers are in ZIP64 fields
// Little-endian bytes of [size, value] pairs.
const packed = (...fields) => {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return new Uint8Array(view.buffer);
};

// Writes files one after the other to `write`, which takes bytes.
const zipWriter = (write) => {
  const entries = [];
  let offset = 0;
  const put = async (...parts) => {
    for (const part of parts) {
      await write(part);
      offset += part.length;
    }
  };
  const now = new Date();
  const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
  const date = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  // Version 4.5, names in UTF-8, stored, time and date.
  const common = ({ crc, size, name }) => [[2, 45], [2, 0x800], [2, 0], [2, time], [2, date], [4, crc], [4, size], [4, size], [2, name.length]];
  return {
    async add(path, bytes) {
      const entry = { name: new TextEncoder().encode(path), crc: crc32(bytes), size: bytes.length, offset };
      entries.push(entry);
      await put(packed([4, 0x04034b50], ...common(entry), [2, 0]), entry.name, bytes);
    },
    async end() {
      const start = offset;
      for (const entry of entries) {
        const far = entry.offset >= LIMIT;
        const extra = far ? packed([2, 1], [2, 8], [8, entry.offset]) : packed();
        const rest = [[2, extra.length], [2, 0], [2, 0], [2, 0], [4, 0], [4, far ? LIMIT : entry.offset]];
        await put(packed([4, 0x02014b50], [2, 45], ...common(entry), ...rest), entry.name, extra);
      }
      const [size, end, count] = [offset - start, offset, entries.length];
      if (count >= 0xffff || end >= LIMIT) {
        await put(packed([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, count], [8, count], [8, size], [8, start]));
        await put(packed([4, 0x07064b50], [4, 0], [8, end], [4, 1]));
      }
      const few = Math.min(count, 0xffff);
      await put(packed([4, 0x06054b50], [2, 0], [2, 0], [2, few], [2, few], [4, Math.min(size, LIMIT)], [4, Math.min(start, LIMIT)], [2, 0]));
    },
  };
};

// Where the ZIP goes: straight to the disk where the browser allows it, else into memory first.
const zipTarget = async (name) => {
  if (window.showSaveFilePicker) {
    const stream = await (await showSaveFilePicker({ suggestedName: name })).createWritable();
    return { write: (bytes) => stream.write(bytes), close: () => stream.close(), abort: () => stream.abort() };
  }
  const parts = [];
  return {
    write: (bytes) => parts.push(new Blob([bytes])), // browsers keep large blobs on disk
    close() {
      const url = URL.createObjectURL(new Blob(parts, { type: "application/zip" }));
      Object.assign(document.createElement("a"), { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    },
    abort() {},
  };
};

const FETCHES_AT_ONCE = 6;
const zipJob = async (id, bestOnly, onProgress, signal) => {
  const target = await zipTarget(`job-${id.slice(0, 8)}.zip`);
  const zip = zipWriter(target.write);
  let count = 0;
  let bytes = 0;
  const bytesOf = async ({ url }) => {
    // Not from the cache: a thumbnail there was loaded without CORS headers.
    const response = await fetch(url, { signal, cache: "no-store" });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  try {
    for (let cursor = ""; ; ) {
      const address = new URL(`jobs/${id}/files?cursor=${encodeURIComponent(cursor)}`, site);
      const page = await retried(() => fetchJson(address, { signal }));
      const files = page.files.filter(({ best }) => best || !bestOnly);
      for (let start = 0; start < files.length; start += FETCHES_AT_ONCE) {
        const batch = files.slice(start, start + FETCHES_AT_ONCE);
        const contents = await Promise.all(batch.map((file) => retried(() => bytesOf(file))));
        for (const [index, content] of contents.entries()) {
          const { path } = batch[index];
          await zip.add(bestOnly ? path.replace(/\/[^/]*(\.[^.]+)$/, "$1") : path, content);
          onProgress((count += 1), (bytes += content.length));
        }
      }
      if (!page.cursor) break;
      cursor = page.cursor;
    }
    await zip.end();
    await target.close();
  } catch (fault) {
    await target.abort();
    throw fault;
  }
};

const zipForm = find("form[data-zip]");
if (zipForm) {
  const status = find("[role=status]", zipForm);
  const button = find("button", zipForm);
  let abort;
  zipForm.hidden = false;
  zipForm.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (abort) return abort.abort();
    abort = new AbortController();
    button.textContent = "Cancel";
    const onProgress = (count, bytes) => (status.textContent = `${count.toLocaleString("en")} files, ${filesize(bytes)} ...`);
    try {
      await zipJob(zipForm.dataset.zip, zipForm.elements.what.value === "best", onProgress, abort.signal);
      status.textContent = status.textContent.replace(" ...", " saved.");
    } catch (fault) {
      status.textContent = fault.name === "AbortError" ? "Cancelled." : `Not saved: ${fault.message}`;
    }
    abort = undefined;
    button.textContent = "Save as ZIP";
  });
}
