// Home page: takes the files and folders that are dropped or chosen.
const MAX_FILES = 10_000; // in one job

// The files below a file system entry, with all folders in it.
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
  const maxBytes = Number(form.dataset.most);
  const place = find("[data-drops]");
  const input = form.elements.upload;
  const folder = find("[data-folder]", form);

  for (const hint of findAll("[data-scripted]", form)) hint.hidden = false;
  for (const plain of ["label.title", "#limit", "button"]) find(plain, form).remove();
  input.multiple = true;
  input.classList.add("unseen");
  input.removeAttribute("aria-describedby");
  folder.hidden = !("webkitdirectory" in input) || matchMedia("(any-hover: none)").matches;

  const take = async (found) => {
    const files = found.filter((file) => isPicture(file) && file.size && file.size <= maxBytes).slice(0, MAX_FILES);
    files.sort((a, b) => compareNames(a.webkitRelativePath || a.name, b.webkitRelativePath || b.name));
    const left = found.filter((file) => !files.includes(file));
    const told = left.length === 1 ? left[0].name : `${left.length.toLocaleString("en")} files`;
    const why = left.length ? ` Left out, since no picture or too large: ${told}.` : "";
    if (!files.length) return (status.textContent = why.trim());
    const sending = `Sending ${pictures(files.length)}.${why}`;
    status.textContent = sending;
    try {
      const unsent = await uploadFiles(files, place, (job) => (status.textContent = `${jobHeadline(job)}.${why}`));
      if (unsent) status.textContent = `${pictures(unsent)} could not be sent.${why}`;
      else if (status.textContent === sending) status.textContent = `${pictures(files.length)} sent.${why}`;
    } catch (fault) {
      status.textContent = `They could not be sent: ${fault.message}`;
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
