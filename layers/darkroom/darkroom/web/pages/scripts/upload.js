// Uploads files to S3 as a job, and shows their progress.
const UPLOADS_AT_ONCE = 4;
const PAGE_SIZE = 100; // uploads on one page of a job
const FORM_MILLISECONDS = 240_000; // forms expire after 5 minutes
const ATTEMPTS = 7; // for each file

let activeUploads = 0; // jobs whose files are being uploaded

// Sends one file by its presigned form.
const sendFile = (post, file, onProgress, signal) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch reports no upload progress
    signal.addEventListener("abort", () => request.abort());
    request.addEventListener("abort", () => reject(request));
    const form = new FormData();
    for (const [name, value] of Object.entries(post.fields)) form.append(name, value);
    form.append("file", file); // must be last: S3 ignores fields after it
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded / event.total));
    request.addEventListener("load", () => (request.status < 300 ? resolve() : reject(request)));
    request.addEventListener("error", () => reject(request));
    request.open("POST", post.url);
    request.send(form);
  });

const createJob = (files, names) => {
  const uploads = files.map(({ name, size, type }, number) => {
    const folder = names[number].slice(0, -name.length); // empty unless names meet
    return { name, size, type: type || "application/octet-stream", ...(folder && { folder }) };
  });
  const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  return retried(() => fetchJson(new URL("jobs", site), { method: "POST", headers, body: JSON.stringify({ uploads }) }));
};

// Returns a function that finds the row of a job's upload with its presigned form, loading rows page by page.
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
      return pages[page].rows[number % PAGE_SIZE];
    });
    return loading;
  };
};

// The time left, from the share that is done and the seconds that it took; empty in the first two seconds.
const timeLeft = (done, seconds) => {
  if (seconds < 2 || !(done > 0 && done < 1)) return "";
  const left = (seconds * (1 - done)) / done;
  if (left < 60) return `, about ${Math.max(1, Math.round(left))} s left`;
  return left < 5400 ? `, about ${Math.round(left / 60)} min left` : `, about ${Math.round(left / 3600)} h left`;
};

// Creates a job for the files and uploads them. `names` are the names to show. Resolves to the number of files
// that could not be uploaded; invokes `onChange` with each newer document of the job.
const uploadFiles = async (files, names, place, onChange) => {
  const job = await createJob(files, names);
  rememberJob(job);
  const url = new URL(`jobs/${job.id}`, site);
  const formOf = presignedForms(job, url);

  const section = find("#job-section").content.firstElementChild.cloneNode(true);
  place.prepend(section);
  const link = find("[data-job]", section);
  link.href = url;
  link.hidden = false;

  const total = files.reduce((sum, { size }) => sum + size, 0);
  const sentBytes = new Float64Array(files.length);
  let sent = 0;
  let sendingSince;
  let timer;
  const showSending = () => {
    const left = timeLeft(sent / total, (performance.now() - sendingSince) / 1000);
    find("[data-sent]", section).value = total ? sent / total : 1;
    find("[data-sending]", section).textContent =
      sent < total ? `Sent ${filesize(sent)} of ${filesize(total)}${left}` : `Sent ${filesize(total)}`;
  };
  const setSent = (number, bytes) => {
    sent += bytes - sentBytes[number];
    sentBytes[number] = bytes;
    timer ??= setTimeout(() => {
      timer = undefined;
      showSending();
    }, 200);
  };

  const queue = [...files.keys()];
  const unsent = new Set();
  const cancelled = new Set();
  const cancellations = new Map(); // promises by number
  const arrived = new Set();
  const aborts = new Map(); // AbortController by number, of files that are being sent
  const resend = find("[data-resend]", section);
  let workers = 0;
  const stop = (number) => {
    cancelled.add(number);
    updates.forget(number);
    aborts.get(number)?.abort();
    if (queue.includes(number)) queue.splice(queue.indexOf(number), 1);
    setSent(number, 0);
    list.show(number, names[number], "cancelled", 0);
  };
  const cancel = (number) => {
    stop(number);
    const cancelling = formOf(number).then(cancelUpload);
    cancellations.set(number, cancelling.catch(() => {}));
    return cancelling;
  };
  const resendOne = (number) => again([number]);
  const retryOne = (_number, row) => retryFailure(row).then(() => updates.expectResult(row));
  const list = jobList(find(".job-list", section), files.length, (state, row) => {
    if (state === "queued" || state === "uploading") return { label: "Cancel", call: cancel };
    if (state === "failed" && row.version) return { label: "Retry", call: retryOne };
    if (state === "upload-failed" || state === "cancelled" || state === "failed") return { label: "Retry", call: resendOne };
  });

  const upload = async (number) => {
    const file = files[number];
    const show = (state, progress, text) => {
      if (!arrived.has(number) && !cancelled.has(number)) list.show(number, names[number], state, progress, text);
    };
    const onProgress = (share) => {
      setSent(number, share * file.size);
      show("uploading", share, `Sending: ${Math.round(100 * share)}%`);
    };
    const abort = new AbortController();
    aborts.set(number, abort);
    await cancellations.get(number); // else it could delete what is sent now
    for (let attempt = 0; attempt < ATTEMPTS && !cancelled.has(number); attempt++) {
      try {
        const { post } = await formOf(number, attempt > 0); // undefined once the file has arrived
        if (cancelled.has(number)) return;
        onProgress(0);
        if (post) await sendFile(post, file, onProgress, abort.signal);
        setSent(number, file.size);
        return show("uploaded", 1);
      } catch (fault) {
        if (cancelled.has(number)) return;
        if (fault.status >= 400 && fault.status < 500 && attempt > 1) break; // a new form did not help either
        await sleep(500 * 2 ** attempt);
      }
    }
    if (cancelled.has(number)) return;
    setSent(number, 0);
    unsent.add(number);
    show("upload-failed", 0);
  };
  // Sends the queue; resolves once it is empty and no file is being sent.
  const sendQueue = async () => {
    sendingSince ??= performance.now();
    const worker = async () => {
      workers += 1;
      activeUploads += 1;
      while (queue.length) await upload(queue.shift());
      workers -= 1;
      activeUploads -= 1;
    };
    await Promise.all(Array.from({ length: UPLOADS_AT_ONCE - workers }, worker));
    resend.hidden = !unsent.size;
    showSending();
  };
  const again = (numbers) => {
    for (const number of numbers) {
      unsent.delete(number);
      cancelled.delete(number);
      arrived.delete(number);
      queue.push(number);
      list.show(number, names[number], "queued", 0);
      updates.expectResult({ number });
    }
    sendQueue();
  };
  resend.addEventListener("click", () => {
    resend.hidden = true;
    again([...unsent]);
  });
  files.forEach((file, number) => {
    list.show(number, names[number], "queued", 0);
    list.preview(number, file);
  });
  let firstDone; // when the first picture was processed, and how many were by then
  const onJob = (current) => {
    const done = current.size - current.waiting;
    if (done) firstDone ??= { at: performance.now(), done };
    const seconds = firstDone ? (performance.now() - firstDone.at) / 1000 : 0;
    const share = firstDone ? (done - firstDone.done) / (current.size - firstDone.done) : 0;
    find("h2", section).textContent = jobHeadline(current);
    find("[data-counts]", section).textContent = jobCounts(current);
    find("[data-processed]", section).value = done / current.size;
    find("[data-rendering]", section).textContent =
      `Processed ${done.toLocaleString("en")} of ${pictures(current.size)}${timeLeft(share, seconds)}`;
    onChange(current);
  };
  onJob(job);
  const updates = follower(url.href, onJob, (rows) => {
    for (const row of rows) {
      if (row.state === "expected") continue; // the upload's own progress is more precise
      if (isCancelled(row)) {
        // Cancelled elsewhere, unless this page has done it, and perhaps retried since.
        if (!cancellations.has(row.number)) stop(row.number);
        continue;
      }
      arrived.add(row.number);
      if (sentBytes[row.number] < files[row.number].size) setSent(row.number, files[row.number].size);
      list.showRow(row, names[row.number]);
    }
  });
  updates.start();
  await sendQueue();
  return unsent.size;
};
