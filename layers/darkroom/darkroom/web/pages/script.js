// Wherever this page stands, the site's root is where its first link leads.
const site = new URL(document.querySelector("body > header a").getAttribute("href"), location.href);
const one = (selector, from = document) => from.querySelector(selector);
const each = (selector, from = document) => from.querySelectorAll(selector);
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

for (const place of each("[data-address]")) place.textContent = site.href;

// Figures in words, as the pages say them.
const short = (value) => value.toFixed(1).replace(/\.0$/, "");
const filesize = (bytes) => {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  let value = bytes / 1e3;
  let unit = "KB";
  for (const next of ["MB", "GB"]) {
    if (value < 999.5) break;
    value /= 1e3;
    unit = next;
  }
  return `${value < 9.95 ? short(value) : value.toFixed(0)} ${unit}`;
};
const share = (percent) => `${short(percent > 99.9 && percent < 100 ? 99.9 : percent)} %`;
const savings = (percent) =>
  Math.abs(percent) < 0.05 ? "the same size" : `${share(Math.abs(percent))} ${percent > 0 ? "smaller" : "larger"}`;
const pictures = (count) => `${count.toLocaleString("en")} ${count === 1 ? "picture" : "pictures"}`;

// Pictures come into sight over their placeholders, not in place of them.
for (const image of each(".print .soft + img")) {
  if (image.complete) continue;
  image.classList.add("coming");
  for (const event of ["load", "error"]) image.addEventListener(event, () => image.classList.remove("coming"));
}

// A list with one line for each picture of a job, by its number.
const lines = (list, size) => {
  const words = JSON.parse(list.dataset.lines);
  const blank = one("#shot").content.firstElementChild;
  while (list.children.length < size) list.append(blank.cloneNode(true));
  const states = Object.keys(words);
  const far = new Float64Array(size);
  let sum = 0;

  return {
    share: () => sum / size, // how far all of them are
    show(number, name, state, progress, told = words[state], got = "") {
      const line = list.children[number];
      line.hidden = false;
      line.classList.remove(...states);
      line.classList.add(state);
      one("bdi", line).textContent = name;
      one("small", line).textContent = told;
      one(".got", line).textContent = got;
      const bar = one("progress", line);
      sum += progress - far[number];
      bar.value = far[number] = progress;
      bar.setAttribute("aria-label", name);
    },
    row(row) {
      const done = row.state === "rendered";
      const told = done ? `${filesize(row.bytes_before)} became ${filesize(row.bytes_after)}` : row.sentence;
      const line = list.children[row.number];
      const progress = row.state === "expected" ? 0 : row.state === "rendering" ? 0.8 : 1;
      this.show(row.number, row.name, row.state, progress, told || words[row.state], done ? savings(row.saved_percent) : "");
      one("a", line).href = new URL(`pictures/${row.picture}`, site);
      if (row.thumbnail && !one("img", line)) {
        const image = Object.assign(new Image(), { alt: "", src: row.thumbnail });
        one(".thumb", line).append(image);
      }
    },
  };
};

const ended = (job) => job.state === "complete";
const outcome = (job) => {
  const done = job.size - job.waiting;
  if (!ended(job)) return `${pictures(job.size)}, ${done.toLocaleString("en")} done`;
  if (!job.counts.rendered) return `${pictures(job.size)}, all done`;
  return `${pictures(job.size)}: ${filesize(job.bytes_before)} became ${filesize(job.bytes_after)}`;
};
const counts = (job) =>
  Object.entries({ ...job.counts, waiting: job.waiting })
    .filter(([, count]) => count)
    .map(([state, count]) => `${count.toLocaleString("en")} ${state}`)
    .join(", ");

// Home: what is dropped or chosen becomes a job, and goes straight to the bucket.
const SENDERS = 4;
const PAGE = 100; // members on one page of a job's uploads
const SIGNED_FOR = 240_000; // of the 5 minutes that a form may be used

const askJson = async (url, options = {}) => {
  const answer = await fetch(url, { cache: "no-store", ...options, headers: { Accept: "application/json", ...options.headers } });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(found.detail || `The answer was ${answer.status}.`), { status: answer.status });
  return found;
};

// Asks again for what may pass by itself; the key makes the second time the same as the first.
const insist = async (ask) => {
  for (let pause = 500; ; pause *= 2) {
    try {
      return await ask();
    } catch (fault) {
      if ((fault.status && fault.status < 500 && fault.status !== 429) || pause > 4000) throw fault;
      await wait(pause);
    }
  }
};

// The files in what was dropped, folders and all.
const within = async (entry) => {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const inner of some) found.push(...(await within(inner)));
  }
};
const byName = new Intl.Collator(undefined, { numeric: true }).compare;
const dropped = async (transfer) => {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  return (await Promise.all(entries.map(within))).flat();
};

const send = (post, file, onSent) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    for (const [name, value] of Object.entries(post.fields)) form.append(name, value);
    form.append("file", file); // S3 ignores what comes after it
    request.upload.addEventListener("progress", (event) => onSent(event.loaded / event.total));
    request.addEventListener("load", () => (request.status < 300 ? resolve() : reject(request)));
    request.addEventListener("error", () => reject(request));
    request.open("POST", post.url);
    request.send(form);
  });

let busy = 0; // drops that are being sent

// Ends when they are sent, with the count of those that could not be; `onEnd` is told when the job is complete.
const startJob = async (files, place, onEnd) => {
  const body = JSON.stringify({
    uploads: files.map(({ name, size, type }) => ({ name, size, type: type || "application/octet-stream" })),
  });
  const headers = { "Content-Type": "application/json", "Idempotency-Key": crypto.getRandomValues(new Uint32Array(4)).join("-") };
  const job = await insist(() => askJson(new URL("jobs", site), { method: "POST", headers, body }));
  const url = new URL(`jobs/${job.id}`, site);

  const section = one("#drop").content.firstElementChild.cloneNode(true);
  place.prepend(section);
  const list = lines(one(".shots", section), files.length);
  const whole = one("progress", section);
  const link = one("[data-job]", section);
  link.href = url;
  link.hidden = false;
  files.forEach((file, number) => list.show(number, file.name, "unsent", 0));

  // The forms, page by page, signed anew before they get too old.
  const pages = [{ cursor: "", signed: Date.now(), rows: job.rows, next: job.cursor }];
  let loading = Promise.resolve();
  const sign = async (page) => {
    const from = pages[page]?.cursor ?? pages[page - 1].next;
    const found = await insist(() => askJson(new URL(`jobs/${job.id}/uploads?cursor=${encodeURIComponent(from)}`, site)));
    pages[page] = { cursor: from, signed: Date.now(), rows: found.uploads, next: found.cursor };
  };
  const formOf = (number, anew) => {
    const page = Math.floor(number / PAGE);
    loading = loading.catch(() => {}).then(async () => {
      while (pages.length < page) await sign(pages.length);
      if (anew || !pages[page] || Date.now() - pages[page].signed > SIGNED_FOR) await sign(page);
      return pages[page].rows[number % PAGE].post; // none once it has arrived
    });
    return loading;
  };

  const settled = new Set();
  const broken = [];
  const sendOne = async (number) => {
    const file = files[number];
    const show = (state, progress) => {
      if (settled.has(number)) return;
      list.show(number, file.name, state, progress);
      whole.value = list.share();
    };
    for (let attempt = 0; attempt < 7; attempt++) {
      try {
        const post = await formOf(number, attempt > 0);
        show("sending", 0);
        if (post) await send(post, file, (sent) => show("sending", 0.8 * sent));
        return show("sent", 0.8);
      } catch (fault) {
        if (fault.status >= 400 && fault.status < 500 && attempt > 1) break; // no form will do
        await wait(500 * 2 ** attempt);
      }
    }
    broken.push(number);
    show("broken", 0);
  };
  const again = one("[data-again]", section);
  const sendAll = async (numbers) => {
    busy += 1;
    const sender = async () => {
      while (numbers.length) await sendOne(numbers.shift());
    };
    await Promise.all(Array.from({ length: SENDERS }, sender));
    busy -= 1;
    again.hidden = !broken.length;
  };
  again.addEventListener("click", () => {
    again.hidden = true;
    sendAll(broken.splice(0));
  });
  const sending = sendAll([...files.keys()]);

  const onJob = (now) => {
    one("h2", section).textContent = outcome(now);
    one("[data-line]", section).textContent = counts(now);
    if (ended(now)) onEnd(now);
  };
  onJob(job);
  follow(url.href, onJob, (rows) => {
    for (const row of rows) {
      if (row.state === "expected") continue; // how far it is sent, this page knows better
      settled.add(row.number);
      list.row(row);
    }
    whole.value = list.share();
  });
  await sending;
  return broken.length;
};

const form = one("form[data-limit]");
if (form) {
  const status = one("[role=status]", form);
  const most = Number(form.dataset.most);
  const place = one("[data-drops]");
  const input = form.elements.upload;
  const folder = one("[data-folder]", form);

  for (const hint of each("[data-scripted]", form)) hint.hidden = false;
  for (const plain of ["label.title", "#limit", "button"]) one(plain, form).remove();
  input.multiple = true;
  input.classList.add("unseen");
  input.removeAttribute("aria-describedby");
  folder.hidden = !("webkitdirectory" in input) || matchMedia("(any-hover: none)").matches;

  const take = async (found) => {
    const isPicture = ({ name, type }) => !name.startsWith(".") && (!type || type.startsWith("image/"));
    const files = found.filter((file) => isPicture(file) && file.size && file.size <= most).slice(0, 10_000);
    files.sort((a, b) => byName(a.webkitRelativePath || a.name, b.webkitRelativePath || b.name));
    const left = found.filter((file) => !files.includes(file));
    const told = left.length === 1 ? left[0].name : `${left.length.toLocaleString("en")} files`;
    const why = left.length ? ` Left out, since no picture or too large: ${told}.` : "";
    if (!files.length) return (status.textContent = why.trim());
    const sending = `Sending ${pictures(files.length)}.${why}`;
    status.textContent = sending;
    try {
      const left = await startJob(files, place, (job) => (status.textContent = `${outcome(job)}.${why}`));
      if (left) status.textContent = `${pictures(left)} could not be sent.${why}`;
      else if (status.textContent === sending) status.textContent = `${pictures(files.length)} sent.${why}`;
    } catch (fault) {
      status.textContent = `They could not be sent: ${fault.message}`;
    }
  };

  for (const chooser of [input, one("input", folder)]) {
    chooser.addEventListener("change", () => {
      const files = [...chooser.files];
      form.reset();
      if (files.length) take(files);
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("beforeunload", (event) => busy && event.preventDefault());
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("over");
  });
  addEventListener("drop", async (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    take(await dropped(event.dataTransfer));
  });
}

// Job: every figure, line and column follows what becomes of its pictures.
const jobPage = one("main[data-job]");
if (jobPage) {
  const size = Number(jobPage.dataset.size);
  if (location.search) one(".shots").replaceChildren(); // it begins in the middle
  const list = lines(one(".shots"), size);
  const before = new Float64Array(size);
  const after = new Float64Array(size);
  const chart = one(".chart svg");

  const draw = () => {
    const bins = Math.max(16, Math.min(size, 100));
    const sums = Array.from({ length: bins }, () => [0, 0]);
    for (let number = 0; number < size; number++) {
      const sum = sums[Math.floor((number * bins) / Math.max(size, bins))];
      sum[0] += before[number];
      sum[1] += after[number];
    }
    const highest = Math.max(1, ...sums.flat());
    one("[data-highest]").textContent = filesize(highest);
    chart.setAttribute("viewBox", `0 0 ${bins} 100`);
    while (chart.children.length < 2 * bins) {
      const column = document.createElementNS(chart.namespaceURI, "rect");
      column.setAttribute("class", chart.children.length % 2 ? "after" : "before");
      column.setAttribute("width", 0.8);
      chart.append(column);
    }
    [...chart.children].forEach((column, index) => {
      const height = (100 * sums[index >> 1][index % 2]) / highest;
      column.setAttribute("x", (index >> 1) + 0.1);
      column.setAttribute("y", 100 - height);
      column.setAttribute("height", height);
    });
  };
  let drawing = false;
  const drawSoon = () => {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      draw();
    });
  };

  one("[data-more]")?.remove();
  follow(
    location.href,
    (job) => {
      one("[data-headline]").textContent = outcome(job);
      document.title = `${outcome(job)} - Darkroom`;
      one("progress.whole").value = job.size - job.waiting;
      one("[data-done]").textContent = `${job.size - job.waiting} of ${job.size}`;
      one("[data-before]").textContent = filesize(job.bytes_before);
      one("[data-after]").textContent = filesize(job.bytes_after);
      one("[data-saved]").textContent = share(job.saved_percent);
      one("[data-counts]").textContent = counts(job);
      if (ended(job)) one("[role=status]").textContent = `${outcome(job)}. ${counts(job)}.`;
    },
    (rows) => {
      for (const row of rows) {
        list.row(row);
        const onItsWay = row.state === "expected" || row.state === "rendering";
        before[row.number] = row.bytes_before || (onItsWay && row.announced_bytes) || 0;
        after[row.number] = row.bytes_after || 0;
      }
      drawSoon();
    },
  );
}

// Picture: before and after in one frame, and a choice of what is after.
const compare = one(".compare");
if (compare) {
  const stage = one(".stage", compare);
  const pan = one(".pan", stage);
  const pair = one(".pair", stage);
  const shown = one(".is img", pair);
  const slider = one(".slider", compare);
  const ends = one(".ends", compare);
  const said = one("[role=status]", compare);
  const frame = { width: Number(compare.dataset.width), height: Number(compare.dataset.height) };
  const rows = [...each("tr[data-format]")];
  let zoom = 0; // times the pixels of the screen; 0 fits the window

  const lay = () => {
    const across = stage.clientWidth;
    const fit = Math.min(1, across / frame.width, (0.78 * innerHeight) / frame.height);
    const scale = zoom ? zoom / devicePixelRatio : fit;
    pair.style.setProperty("--width", `${frame.width * scale}px`);
    pair.style.setProperty("--height", `${frame.height * scale}px`);
    compare.classList.toggle("near", zoom > 0);
    compare.classList.toggle("pixels", zoom > 1);
    compare.classList.toggle("tiny", frame.width * scale < 160);
    pan.tabIndex = zoom ? 0 : -1;
    cut();
  };
  // The cut goes through what is seen of the picture, wherever that is scrolled to.
  const seen = () => {
    const frameAt = stage.getBoundingClientRect();
    const pairAt = pair.getBoundingClientRect();
    const left = Math.max(frameAt.left, pairAt.left);
    const right = Math.min(frameAt.left + pan.clientWidth, pairAt.right);
    return { left: left - frameAt.left, width: right - left, hidden: left - pairAt.left };
  };
  const cut = () => {
    if (!slider) return;
    const { left, width, hidden } = seen();
    const at = (width * slider.value) / 100;
    pair.style.setProperty("--cut", `${hidden + at}px`);
    stage.style.setProperty("--line-at", `${left + at}px`);
    slider.style.setProperty("--seen", `${width}px`);
    slider.setAttribute("aria-valuetext", `${slider.value} % before, ${100 - slider.value} % after`);
  };

  const chosen = (group) => one(`[data-choice=${group}] :checked`, compare)?.value;
  const apply = async () => {
    const row = rows.find((each) => each.dataset.format === chosen("format") && each.dataset.width === chosen("width"));
    const image = Object.assign(new Image(), { src: one("a", row).href });
    try {
      await image.decode(); // what is shown stays until this can be
    } catch {
      said.textContent = `This browser can't show ${row.dataset.format}.`;
      return;
    }
    shown.src = image.src;
    one("[data-after]", compare).textContent = row.dataset.line;
    said.textContent = row.dataset.line;
  };
  const choose = (group, values, checked, onChange) => {
    const field = one(`[data-choice=${group}]`, compare);
    for (const [value, text] of values) {
      const label = document.createElement("label");
      const radio = Object.assign(document.createElement("input"), { type: "radio", name: group, value, className: "unseen" });
      radio.checked = value === checked;
      label.append(radio, text);
      field.append(label);
    }
    field.hidden = false;
    field.addEventListener("change", onChange);
  };
  // A format may lack a width: what it lacks can't be chosen.
  const offer = () => {
    const has = rows.filter((row) => row.dataset.format === chosen("format")).map((row) => row.dataset.width);
    const radios = [...each("[data-choice=width] input", compare)];
    for (const radio of radios) radio.disabled = !has.includes(radio.value);
    if (radios.find((radio) => radio.checked)?.disabled) radios.findLast((radio) => !radio.disabled).checked = true;
  };

  compare.classList.add("live");
  ends.hidden = false;
  const best = rows.find((row) => row.classList.contains("best")) ?? rows.at(-1);
  const distinct = (name) => [...new Set(rows.map((row) => row.dataset[name]))];
  choose("format", distinct("format").map((it) => [it, it]), best.dataset.format, () => {
    offer();
    apply();
  });
  choose("width", distinct("width").sort((a, b) => a - b).map((it) => [it, it]), best.dataset.width, apply);
  choose("zoom", [["0", "Fit"], ["1", "100 %"], ["2", "200 %"]], "0", () => {
    zoom = Number(chosen("zoom"));
    lay();
    pan.scrollTo((pan.scrollWidth - pan.clientWidth) / 2, (pan.scrollHeight - pan.clientHeight) / 2);
  });
  if (slider) {
    compare.classList.add("split");
    slider.hidden = false;
    slider.addEventListener("input", cut);
    pan.addEventListener("scroll", cut, { passive: true });
    const pull = (event) => {
      const { left, width } = seen();
      slider.value = (100 * (event.clientX - stage.getBoundingClientRect().left - left)) / width;
      cut();
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.button || zoom) return;
      event.preventDefault();
      stage.setPointerCapture(event.pointerId);
      pull(event);
    });
    stage.addEventListener("pointermove", (event) => stage.hasPointerCapture(event.pointerId) && pull(event));
  }
  // Zoomed in, the picture is drawn about by the mouse; fingers scroll it by themselves.
  pan.addEventListener("pointerdown", (event) => {
    if (event.button || !zoom || event.pointerType !== "mouse") return;
    event.preventDefault();
    pan.setPointerCapture(event.pointerId);
  });
  pan.addEventListener("pointermove", (event) => {
    if (pan.hasPointerCapture(event.pointerId)) pan.scrollBy(-event.movementX, -event.movementY);
  });
  new ResizeObserver(lay).observe(stage);
  offer();
  lay();
  apply();
}

// What is to be copied, by one press.
for (const button of each("[data-copy]")) {
  button.hidden = !navigator.clipboard; // which a browser has on https and localhost alone
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(one("code", button.parentElement).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

// Waiting: ask this address until it no longer says 202, then show what it became.
if (one("main[data-poll]")) {
  let pause = 500;
  const look = async () => {
    try {
      const { status } = await fetch(location.href, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (status !== 202 && status !== 429 && status < 500) return location.reload();
    } catch {
      // No connection just now: the next look may have one.
    }
    pause = Math.min(pause * 1.5, 5000);
    setTimeout(look, pause);
  };
  setTimeout(look, pause);
}
