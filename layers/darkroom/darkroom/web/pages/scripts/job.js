// Job page: keeps figures, chart and list up to date.
const jobPage = find("main[data-job]");
if (jobPage) {
  const size = Number(jobPage.dataset.size);
  if (location.search) find(".job-list").replaceChildren(); // a later page: its rows do not begin with number 0, so the list is built anew
  const list = jobList(find(".job-list"), size, (state, { version }) => {
    if (state === "expected") return { label: "Cancel", call: (_number, row) => cancelUpload(row) };
    if (state === "failed" && version) {
      return { label: "Retry", call: (_number, row) => retryFailure(row).then(() => updates.expectResult(row)) };
    }
  });
  // Messages of the WebSocket have no folders.
  const names = new Map();
  const nameOf = ({ number, name, folder }) => {
    if (folder) names.set(number, `${folder}/${name}`);
    return names.get(number) ?? name;
  };
  const before = new Float64Array(size); // bytes by number
  const after = new Float64Array(size);
  const chart = find(".chart svg");

  const draw = () => {
    const bins = Math.max(16, Math.min(size, 100));
    const sums = Array.from({ length: bins }, () => [0, 0]);
    for (let number = 0; number < size; number++) {
      const sum = sums[Math.floor((number * bins) / Math.max(size, bins))];
      sum[0] += before[number];
      sum[1] += after[number];
    }
    const highest = Math.max(1, ...sums.flat());
    find("[data-highest]").textContent = filesize(highest);
    find(".chart").hidden = highest <= 1; // no picture has renditions, and none will have any
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
  const drawSoon = onceAFrame(draw);

  // Sorts and filters the list.
  const form = find("form[data-arrange]");
  const { sort, state, name } = form.elements;
  const savingOf = ({ state, saved_percent }) => (state === "rendered" ? saved_percent : -Infinity);
  const orders = {
    number: (a, b) => a.number - b.number,
    name: (a, b) => compareNames(nameOf(a), nameOf(b)),
    saving: (a, b) => savingOf(b) - savingOf(a),
    state: (a, b) => a.state.localeCompare(b.state),
  };
  const isShown = (row) => {
    const group = row.state === "expected" || row.state === "rendering" ? "waiting" : row.state;
    return (!state.value || group === state.value) && nameOf(row).toLowerCase().includes(name.value.toLowerCase());
  };
  let arranged = false; // whether the list has ever been changed
  const arrange = () => {
    const rows = [...list.rows.values()].sort((a, b) => orders[sort.value](a, b) || a.number - b.number);
    let shown = 0;
    for (const row of rows) {
      const line = list.lines[row.number];
      line.hidden = !isShown(row);
      shown += !line.hidden;
    }
    find(".job-list").append(...rows.map(({ number }) => list.lines[number]));
    find("output", form).textContent = shown < rows.length ? `${pictures(shown)} of ${rows.length.toLocaleString("en")}` : "";
  };
  const arrangeSoon = onceAFrame(() => arranged && arrange());
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    arranged = true;
    arrange();
  });

  find("[data-more]")?.remove();
  const updates = follower(
    location.href,
    (job) => {
      find("[data-headline]").textContent = tied(jobHeadline(job));
      document.title = `${jobHeadline(job)} - Darkroom`;
      find("progress.whole").value = job.size - job.waiting;
      find("[data-done]").textContent = `${job.size - job.waiting} of ${job.size}`;
      find("[data-before]").textContent = tied(filesize(job.bytes_before));
      find("[data-after]").textContent = tied(filesize(job.bytes_after));
      find("[data-saved]").textContent = share(job.saved_percent);
      find("[data-counts]").textContent = jobCounts(job);
      if (isComplete(job)) find("[role=status]").textContent = `${jobHeadline(job)}. ${jobCounts(job)}.`;
    },
    (rows) => {
      for (const row of rows) {
        list.showRow(row, nameOf(row));
        const inProgress = row.state === "expected" || row.state === "rendering";
        before[row.number] = row.bytes_before || (inProgress && row.announced_bytes) || 0;
        after[row.number] = row.bytes_after || 0;
      }
      drawSoon();
      arrangeSoon();
    },
  );
  updates.start();
}
