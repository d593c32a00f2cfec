// Home page: takes the dropped or chosen files and folders.
const MAX_FILES = 10_000; // in one job
const MAX_NAMES = 3; // of skipped files

// All files of a dropped file or folder, subfolders included.
const filesIn = async (entry) => {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
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
  if (!entries.length) return [...transfer.files];
  return (await Promise.all(entries.map(filesIn))).flat();
};
const compareNames = new Intl.Collator(undefined, { numeric: true }).compare;
const isPicture = ({ name, type }) => !name.startsWith(".") && (!type || type.startsWith("image/"));

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

  const isAccepted = (file) => isPicture(file) && file.size && file.size <= maxBytes;
  const skippedText = (skipped, surplus) => {
    const parts = [];
    if (skipped.length) {
      const names = skipped.slice(0, MAX_NAMES).map(({ name }) => visible(name)).join(", ");
      const rest = skipped.length > MAX_NAMES ? ` and ${(skipped.length - MAX_NAMES).toLocaleString("en")} more` : "";
      const count = `${skipped.length.toLocaleString("en")} ${skipped.length === 1 ? "file" : "files"}`;
      parts.push(` Skipped ${count} (not pictures, empty or over ${filesize(maxBytes)}): ${names}${rest}.`);
    }
    if (surplus) parts.push(` Skipped ${pictures(surplus)}: at most ${MAX_FILES.toLocaleString("en")} at once.`);
    return parts.join("");
  };
  const take = async (found) => {
    const accepted = found.filter(isAccepted);
    const files = accepted.slice(0, MAX_FILES);
    files.sort((a, b) => compareNames(a.webkitRelativePath || a.name, b.webkitRelativePath || b.name));
    const skipped = skippedText(found.filter((file) => !isAccepted(file)), accepted.length - files.length);
    if (!files.length) return (status.textContent = skipped.trim());
    const uploading = `Uploading ${pictures(files.length)}.${skipped}`;
    status.textContent = uploading;
    try {
      const unsent = await uploadFiles(files, place, (job) => (status.textContent = `${jobHeadline(job)}.${skipped}`));
      if (unsent) status.textContent = `${pictures(unsent)} could not be uploaded.${skipped}`;
      else if (status.textContent === uploading) status.textContent = `${pictures(files.length)} uploaded.${skipped}`;
    } catch (fault) {
      status.textContent = `Upload failed: ${fault.message}`;
    }
  };

  for (const chooser of [input, find("input", folder)]) {
    chooser.addEventListener("change", () => {
      const files = [...chooser.files];
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
