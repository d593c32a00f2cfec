// The list of a job's pictures, one line each: on the job page, and on the home page during an upload.
// `actionOf(state, row)` returns the label of the line's button, and what it calls with the number and the row.
const jobList = (list, size, actionOf) => {
  const texts = JSON.parse(list.dataset.lines);
  const blank = find("#job-row").content.firstElementChild;
  while (list.children.length < size) list.append(blank.cloneNode(true));
  const lines = [...list.children]; // by number, however the list is sorted
  const states = Object.keys(texts);
  const rows = new Map(); // rows of the API by number

  list.addEventListener("click", ({ target }) => {
    if (!target.matches("[data-action]")) return;
    const line = target.closest("li");
    const number = lines.indexOf(line);
    const row = rows.get(number);
    const { label, call } = actionOf(states.find((state) => line.classList.contains(state)), row);
    call(number, row)?.catch((fault) => (find("small", line).textContent = `${label} failed: ${fault.message}`));
  });

  // Shows the files themselves until they are rendered, of visible lines only.
  const files = new Map();
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      const file = files.get(target);
      if (!isIntersecting || !file || find("img", target)) continue;
      observer.unobserve(target);
      const image = Object.assign(new Image(), { alt: "", src: URL.createObjectURL(file) });
      image.dataset.preview = "";
      image.addEventListener("load", () => URL.revokeObjectURL(image.src));
      image.addEventListener("error", () => {
        URL.revokeObjectURL(image.src);
        image.remove(); // this browser can't show it
      });
      find(".thumb", target).append(image);
    }
  }, { rootMargin: "50%" });

  return {
    lines,
    rows,
    preview(number, file) {
      files.set(lines[number], file);
      observer.observe(lines[number]);
    },
    show(number, name, state, progress, text = texts[state], saving = "") {
      const line = lines[number];
      line.hidden = false;
      line.classList.remove(...states);
      line.classList.add(state);
      find("bdi", line).textContent = visible(name);
      find("small", line).textContent = tied(text);
      find(".saving", line).textContent = saving;
      const bar = find("progress", line);
      if (progress === undefined) bar.removeAttribute("value");
      else bar.value = progress;
      bar.setAttribute("aria-label", visible(name));
      const button = find("[data-action]", line);
      const label = actionOf(state, rows.get(number))?.label ?? "";
      button.hidden = !label;
      button.textContent = label;
      button.setAttribute("aria-label", `${label} ${visible(name)}`);
    },
    // Shows a row of the API, under another name if there is one.
    showRow(row, name = row.name) {
      rows.set(row.number, row);
      const rendered = row.state === "rendered";
      const text = rendered ? `${filesize(row.bytes_before)} became ${filesize(row.bytes_after)}` : row.sentence;
      const line = lines[row.number];
      const progress = row.state === "expected" ? 0 : row.state === "rendering" ? undefined : 1;
      const state = isCancelled(row) ? "cancelled" : row.state;
      this.show(row.number, name, state, progress, text || texts[state], rendered ? savings(row.saved_percent) : "");
      find("a", line).href = new URL(`pictures/${row.picture}`, site);
      const image = find("img", line);
      if (row.thumbnail && (!image || "preview" in image.dataset)) {
        find(".thumb", line).replaceChildren(Object.assign(new Image(), { alt: "", src: row.thumbnail }));
      }
    },
  };
};

// A cancelled upload is a deleted one without a version.
const isCancelled = ({ state, version }) => state === "deleted" && !version;
const cancelUpload = ({ picture }) => retried(() => fetchJson(new URL(`pictures/${picture}`, site), { method: "DELETE" }));

// Starts new attempts to process a failed upload.
const retryFailure = ({ picture, version }) =>
  fetchJson(new URL(`failures/${encodeURIComponent(`${picture}.${version}`)}/retry`, site), { method: "POST" });
