// Uploads files to S3 as a job, and shows their progress.
const UPLOADS_AT_ONCE = 4;
const PAGE_SIZE = 100; // uploads on one page of a job
const FORM_MILLISECONDS = 240_000; // forms expire after 5 minutes
const ATTEMPTS = 7; // for each file

let activeUploads = 0; // jobs whose files are being uploaded

// Sends one file by its presigned form.
const sendFile = (post, file, onProgress) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch reports no upload progress
    const form = new FormData();
    for (const [name, value] of Object.entries(post.fields)) form.append(name, value);
    form.append("file", file); // must be last: S3 ignores fields after it
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded / event.total));
    request.addEventListener("load", () => (request.status < 300 ? resolve() : reject(request)));
    request.addEventListener("error", () => reject(request));
    request.open("POST", post.url);
    request.send(form);
  });

const createJob = (files) => {
  const uploads = files.map(({ name, size, type }) => ({ name, size, type: type || "application/octet-stream" }));
  const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  return retried(() => fetchJson(new URL("jobs", site), { method: "POST", headers, body: JSON.stringify({ uploads }) }));
};

// Returns a function that finds the presigned form of a job's upload, loading forms page by page.
const presignedForms = (job, url) => {
  const pages = [{ cursor: "", signed: Date.now(), rows: job.rows, next: job.cursor }];
  let loading = Promise.resolve();
  const load = async (page) => {
    const cursor = pages[page]?.cursor ?? pages[page - 1].next;
    const found = await retried(() => fetchJson(`${url}/uploads?cursor=${encodeURIComponent(cursor)}`));
    pages[page] = { cursor, signed: Date.now(), rows: found.uploads, next: found.cursor };
  };
  return (number, renew) => {
    const page = Math.floor(number / PAGE_SIZE);
    loading = loading.catch(() => {}).then(async () => {
      while (pages.length < page) await load(pages.length);
      if (renew || !pages[page] || Date.now() - pages[page].signed > FORM_MILLISECONDS) await load(page);
      return pages[page].rows[number % PAGE_SIZE].post; // undefined once the file has arrived
    });
    return loading;
  };
};

// Creates a job for the files and uploads them. Resolves to the number of files that could not be uploaded;
// invokes `onComplete` when the job is complete.
const uploadFiles = async (files, place, onComplete) => {
  const job = await createJob(files);
  const url = new URL(`jobs/${job.id}`, site);
  const formOf = presignedForms(job, url);

  const section = find("#job-section").content.firstElementChild.cloneNode(true);
  place.prepend(section);
  const list = jobList(find(".job-list", section), files.length);
  const bar = find("progress", section);
  const link = find("[data-job]", section);
  link.href = url;
  link.hidden = false;
  files.forEach((file, number) => list.show(number, file.name, "queued", 0));

  const arrived = new Set();
  const unsent = [];
  const upload = async (number) => {
    const file = files[number];
    const show = (state, progress) => {
      if (arrived.has(number)) return;
      list.show(number, file.name, state, progress);
      bar.value = list.progress();
    };
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        const post = await formOf(number, attempt > 0);
        show("uploading", 0);
        if (post) await sendFile(post, file, (sent) => show("uploading", 0.8 * sent));
        return show("uploaded", 0.8);
      } catch (fault) {
        if (fault.status >= 400 && fault.status < 500 && attempt > 1) break; // a new form did not help either
        await sleep(500 * 2 ** attempt);
      }
    }
    unsent.push(number);
    show("upload-failed", 0);
  };
  const resend = find("[data-resend]", section);
  const uploadAll = async (numbers) => {
    activeUploads += 1;
    const worker = async () => {
      while (numbers.length) await upload(numbers.shift());
    };
    await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, worker));
    activeUploads -= 1;
    resend.hidden = !unsent.length;
  };
  resend.addEventListener("click", () => {
    resend.hidden = true;
    uploadAll(unsent.splice(0));
  });
  const uploading = uploadAll([...files.keys()]);

  const onJob = (current) => {
    find("h2", section).textContent = jobHeadline(current);
    find("[data-counts]", section).textContent = jobCounts(current);
    if (isComplete(current)) onComplete(current);
  };
  onJob(job);
  follow(url.href, onJob, (rows) => {
    for (const row of rows) {
      if (row.state === "expected") continue; // the upload's own progress is more precise
      arrived.add(row.number);
      list.showRow(row);
    }
    bar.value = list.progress();
  });
  await uploading;
  return unsent.length;
};
