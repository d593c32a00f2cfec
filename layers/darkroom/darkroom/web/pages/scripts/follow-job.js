// Follows a job (docs/live.md): over its WebSocket, or by polling if it can't connect.
// `url` is the job's own address. `onJob` receives each newer job document, `onRows` the rows that changed.
// The promise resolves to true once the job is complete and all its rows have been delivered; to false if it does not exist.
const TIMING = { minPoll: 1000, maxPoll: 5000, hello: 5000, silence: 15_000, retrySocket: 30_000 }; // milliseconds
const TERMINAL = new Set(["rendered", "rejected", "failed", "skipped", "superseded", "deleted"]);

// Follows a job as `follow` does, and goes on until the uploads of `expectResult` have a new result: a complete job
// changes when one of its uploads is retried.
const RESULT_MILLISECONDS = 2000; // between two looks at a complete job
function follower(url, onJob, onRows) {
  const awaited = new Map(); // revisions by number
  let following;
  const takeRows = (rows) => {
    for (const { number, state, version, revision } of rows) {
      if (version && TERMINAL.has(state) && revision > awaited.get(number)) awaited.delete(number);
    }
    onRows(rows);
  };
  const run = async () => {
    for (;;) {
      const found = await follow(url, onJob, takeRows);
      if (!found || !awaited.size) return (following = undefined);
      await new Promise((resolve) => setTimeout(resolve, RESULT_MILLISECONDS));
    }
  };
  return {
    start: () => (following ??= run()),
    expectResult({ number, revision = 0 }) {
      awaited.set(number, revision);
      this.start();
    },
    forget: (number) => awaited.delete(number),
  };
}

async function follow(url, onJob, onRows, timing = TIMING) {
  const address = new URL(url, location.href);
  address.search = address.hash = "";
  let job; // the newest document received; older ones are ignored
  const rows = new Map(); // by number
  const pages = new Map(); // by cursor: the numbers of a page's rows, and the next cursor

  const getJson = async (path = "") => {
    const response = await fetch(`${address}${path}`, { cache: "no-store", headers: { Accept: "application/json" } });
    if (!response.ok) throw Object.assign(new Error(`HTTP status ${response.status}`), { status: response.status });
    return response.json();
  };
  const complete = () => job?.state === "complete";
  const takeJob = (received) => {
    if (!received || (job && received.revision <= job.revision)) return false;
    job = received;
    onJob(job);
    return true;
  };
  const takeRows = (received) => {
    const changed = received.filter((row) => {
      const old = rows.get(row.number);
      const newer = !old || row.revision > old.revision;
      if (newer) rows.set(row.number, row);
      if (newer || row.revision < old.revision) return newer;
      rows.set(row.number, { ...old, ...row });
      return row.thumbnail && !old.thumbnail; // WebSocket messages have no thumbnails
    });
    if (changed.length) onRows(changed);
  };
  const mayChange = ({ state, thumbnail }) => !TERMINAL.has(state) || (state === "rendered" && thumbnail === undefined);
  const fetchRows = async () => {
    for (let cursor = ""; ; ) {
      let page = pages.get(cursor);
      if (!page || page.numbers.some((number) => mayChange(rows.get(number)))) {
        const found = await getJson(`/uploads?cursor=${encodeURIComponent(cursor)}`);
        takeRows(found.uploads);
        page = { numbers: found.uploads.map((row) => row.number), next: found.cursor };
        pages.set(cursor, page);
      }
      if (!page.next) return;
      cursor = page.next;
    }
  };

  // Resolves when the socket closes or falls behind: true if it delivered the job's state.
  const listen = (live) =>
    new Promise((resolve) => {
      const socket = new WebSocket(live.url); // throws where the browser blocks it
      let welcomed = false;
      let timer;
      const leave = () => {
        clearTimeout(timer);
        resolve(welcomed);
        socket.close();
      };
      const startTimer = (milliseconds, callback) => {
        clearTimeout(timer);
        timer = setTimeout(callback, milliseconds);
      };
      // After silence: if HTTP returns a newer document of the job, the socket is dead.
      const check = async () => {
        if (takeJob(await getJson()) || complete()) leave();
        else startTimer(timing.silence, () => check().catch(leave));
      };
      const receive = async (message) => {
        if (message.type === "state") {
          welcomed = true;
          takeJob(message.job);
          await fetchRows();
          if (complete()) leave();
        } else if (message.type === "job.progress" || message.type === "job.completed") {
          takeJob(message.job);
          takeRows(message.uploads);
          if (message.type === "job.completed") leave();
        }
      };
      startTimer(timing.hello, leave);
      socket.addEventListener("open", () => {
        socket.send(JSON.stringify({ action: "hello", job: address.pathname.split("/").pop(), ticket: live.ticket }));
      });
      socket.addEventListener("message", ({ data }) => {
        const message = JSON.parse(data);
        if (welcomed || message.type === "state") startTimer(timing.silence, () => check().catch(leave));
        receive(message).catch(leave);
      });
      socket.addEventListener("close", leave);
    });

  let socketsFrom = 0; // no WebSocket is tried before this time
  for (let pause = timing.minPoll; ; pause = Math.min(2 * pause, timing.maxPoll)) {
    try {
      const found = await getJson();
      takeJob(found);
      if (found.live && !complete() && Date.now() >= socketsFrom) {
        if (await listen(found.live).catch(() => false)) pause = timing.minPoll;
        else socketsFrom = Date.now() + timing.retrySocket;
      }
      await fetchRows();
      if (complete()) return true;
    } catch (fault) {
      if (fault.status < 500 && fault.status !== 429) return false; // a client error such as 404: repeating the request is useless
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
