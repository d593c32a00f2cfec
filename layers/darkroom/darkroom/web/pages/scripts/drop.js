// Home page: takes the dropped or chosen files and folders.
const MAX_FILES = 10_000; // in one job
const MAX_NAMES = 3; // of skipped files

// All files of a dropped file or folder, subfolders included, each with its path.
const filesIn = async (entry) => {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) return files;
    for (const inner of batch) files.push(...(await filesIn(inner)));
  }
};
const droppedFiles = async (transfer) => {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosenFiles(transfer.files);
  return (await Promise.all(entries.map(filesIn))).flat();
};
const chosenFiles = (files) => [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
// The names to show: with folders where names meet.
const namesOf = (found) => {
  const counts = new Map();
  for (const { file } of found) counts.set(file.name, (counts.get(file.name) ?? 0) + 1);
  return found.map(({ file, path }) => (counts.get(file.name) > 1 ? path : file.name));
};
const compareNames = new Intl.Collator(undefined, { numeric: true }).compare;
const isPicture = ({ name, type }) => !name.startsWith(".") && (!type || type.startsWith("image/"));

// Brings totals and recent pictures up to date: takes these parts from a new copy of the page.
const REFRESH_MILLISECONDS = 10_000;
let refreshTimer;
const refresh = async () => {
  refreshTimer = undefined;
  const response = await fetch(site, { headers: { Accept: "text/html" }, cache: "no-cache" });
  if (!response.ok) return;
  const copy = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of findAll("[data-part]")) part.replaceWith(find(`[data-part=${part.dataset.part}]`, copy) ?? part);
};
const refreshSoon = (milliseconds) => {
  if (refreshTimer && milliseconds) return;
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(() => refresh().catch(() => {}), milliseconds);
};

// This browser's recent jobs. The site lists no jobs: the id of a job grants access to it.
const MAX_JOBS = 8;
const rememberedJobs = () => {
  try {
    return JSON.parse(localStorage.getItem("jobs")) ?? [];
  } catch {
    return []; // no storage, or not ours
  }
};
const rememberJob = ({ id, size, created }) => {
  try {
    localStorage.setItem("jobs", JSON.stringify([{ id, size, created }, ...rememberedJobs()].slice(0, MAX_JOBS)));
  } catch {
    // Private windows may have no storage.
  }
};
const recentJobs = find("[data-recent-jobs]");
if (recentJobs) {
  for (const { id, size, created } of rememberedJobs()) {
    const link = Object.assign(document.createElement("a"), { href: new URL(`jobs/${id}`, site), textContent: pictures(size) });
    const time = Object.assign(document.createElement("time"), { dateTime: created, className: "quiet" });
    const line = document.createElement("li");
    line.append(link, " ", time);
    find("ul", recentJobs).append(line);
  }
  recentJobs.hidden = !find("li", recentJobs);
}

const form = find("form[data-limit]");
if (form) {
  const status = find("[role=status]", form);
  const maxBytes = Number(form.dataset.maxBytes);
  const place = find("[data-jobs]");
  const input = form.elements.upload;
  const folder = find("[data-folder]", form);

  for (const hint of findAll("[data-scripted]", form)) hint.hidden = false;
  for (const plain of ["label.title", "#limit", "button"]) find(plain, form).remove();
  input.multiple = true;
  input.classList.add("visually-hidden");
  input.removeAttribute("aria-describedby");
  folder.hidden = !("webkitdirectory" in input) || matchMedia("(any-hover: none)").matches;

  const isAccepted = ({ file }) => isPicture(file) && file.size && file.size <= maxBytes;
  const skippedText = (skipped, surplus) => {
    const parts = [];
    if (skipped.length) {
      const names = skipped.slice(0, MAX_NAMES).map(({ file }) => visible(file.name)).join(", ");
      const rest = skipped.length > MAX_NAMES ? ` and ${(skipped.length - MAX_NAMES).toLocaleString("en")} more` : "";
      const count = `${skipped.length.toLocaleString("en")} ${skipped.length === 1 ? "file" : "files"}`;
      parts.push(` Skipped ${count} (not pictures, empty or over ${filesize(maxBytes)}): ${names}${rest}.`);
    }
    if (surplus) parts.push(` Skipped ${pictures(surplus)}: at most ${MAX_FILES.toLocaleString("en")} at once.`);
    return parts.join("");
  };
  const take = async (found) => {
    const accepted = found.filter(isAccepted);
    const taken = accepted.slice(0, MAX_FILES);
    taken.sort((a, b) => compareNames(a.path, b.path));
    const files = taken.map(({ file }) => file);
    const skipped = skippedText(found.filter((one) => !isAccepted(one)), accepted.length - files.length);
    if (!files.length) return (status.textContent = skipped.trim());
    const uploading = `Uploading ${pictures(files.length)}.${skipped}`;
    status.textContent = uploading;
    try {
      const unsent = await uploadFiles(files, namesOf(taken), place, (job) => {
        refreshSoon(isComplete(job) ? 0 : REFRESH_MILLISECONDS);
        if (isComplete(job)) status.textContent = `${jobHeadline(job)}.${skipped}`;
      });
      if (unsent) status.textContent = `${pictures(unsent)} could not be uploaded.${skipped}`;
      else if (status.textContent === uploading) status.textContent = `${pictures(files.length)} uploaded.${skipped}`;
    } catch (fault) {
      status.textContent = `Upload failed: ${fault.message}`;
    }
  };

  for (const chooser of [input, find("input", folder)]) {
    chooser.addEventListener("change", () => {
      const files = chosenFiles(chooser.files);
      form.reset();
      if (files.length) take(files);
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("beforeunload", (event) => activeUploads && event.preventDefault());
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
    take(await droppedFiles(event.dataTransfer));
  });
}
