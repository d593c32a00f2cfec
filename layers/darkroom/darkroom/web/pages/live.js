// Follows a job (docs/live.md): live over its socket where there is one, by asking now and then where not.
// `onJob` gets the job whenever it is another than before, `onRows` those of its rows that are; once the job is
// complete and every row of it is told, `follow` ends. `url` is the job's own address.
const PAUSES = { least: 1000, most: 5000, hello: 5000, silence: 15_000, noSocket: 30_000 };
const TERMINAL = new Set(["rendered", "rejected", "failed", "skipped", "superseded", "deleted"]);

async function follow(url, onJob, onRows, pauses = PAUSES) {
  const address = new URL(url, location.href);
  address.search = address.hash = "";
  let job; // as it was told last; what is older is passed over
  const rows = new Map();
  const pages = new Map(); // by cursor: the rows that stand there, and the cursor to the next

  const ask = async (path = "") => {
    const answer = await fetch(`${address}${path}`, { cache: "no-store", headers: { Accept: "application/json" } });
    if (!answer.ok) throw Object.assign(new Error(`The answer was ${answer.status}.`), { status: answer.status });
    return answer.json();
  };
  const complete = () => job?.state === "complete";
  const takeJob = (told) => {
    if (!told || (job && told.revision <= job.revision)) return false;
    job = told;
    onJob(job);
    return true;
  };
  const takeRows = (told) => {
    const news = told.filter((row) => {
      const old = rows.get(row.number);
      const newer = !old || row.revision > old.revision;
      if (newer) rows.set(row.number, row);
      if (newer || row.revision < old.revision) return newer;
      rows.set(row.number, { ...old, ...row });
      return row.thumbnail && !old.thumbnail; // which messages do not bring
    });
    if (news.length) onRows(news);
  };
  const mayChange = ({ state, thumbnail }) => !TERMINAL.has(state) || (state === "rendered" && thumbnail === undefined);
  const askRows = async () => {
    for (let cursor = ""; ; ) {
      let page = pages.get(cursor);
      if (!page || page.numbers.some((number) => mayChange(rows.get(number)))) {
        const found = await ask(`/uploads?cursor=${encodeURIComponent(cursor)}`);
        takeRows(found.uploads);
        page = { numbers: found.uploads.map((row) => row.number), next: found.cursor };
        pages.set(cursor, page);
      }
      if (!page.next) return;
      cursor = page.next;
    }
  };

  // Until the socket ends, or has fallen behind; whether it has said anything of use.
  const listen = (live) =>
    new Promise((resolve) => {
      const socket = new WebSocket(live.url); // throws where a browser allows none
      let heard = false;
      let timer;
      const leave = () => {
        clearTimeout(timer);
        resolve(heard);
        socket.close();
      };
      const expect = (patience, otherwise) => {
        clearTimeout(timer);
        timer = setTimeout(otherwise, patience);
      };
      const look = async () => {
        if (takeJob(await ask()) || complete()) leave();
        else expect(pauses.silence, () => look().catch(leave)); // nothing was said because nothing has happened
      };
      const hear = async (said) => {
        if (said.type === "state") {
          heard = true;
          takeJob(said.job);
          await askRows();
          if (complete()) leave();
        } else if (said.type === "job.progress" || said.type === "job.completed") {
          takeJob(said.job);
          takeRows(said.uploads);
          if (said.type === "job.completed") leave();
        }
      };
      expect(pauses.hello, leave);
      socket.addEventListener("open", () => {
        socket.send(JSON.stringify({ action: "hello", job: address.pathname.split("/").pop(), ticket: live.ticket }));
      });
      socket.addEventListener("message", ({ data }) => {
        const said = JSON.parse(data);
        if (heard || said.type === "state") expect(pauses.silence, () => look().catch(leave));
        hear(said).catch(leave);
      });
      socket.addEventListener("close", leave);
    });

  let socketsFrom = 0;
  for (let pause = pauses.least; ; pause = Math.min(2 * pause, pauses.most)) {
    try {
      const found = await ask();
      takeJob(found);
      if (found.live && !complete() && Date.now() >= socketsFrom) {
        if (await listen(found.live).catch(() => false)) pause = pauses.least;
        else socketsFrom = Date.now() + pauses.noSocket;
      }
      await askRows();
      if (complete()) return;
    } catch (fault) {
      if (fault.status < 500 && fault.status !== 429) return; // there is no such job
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
