// The list of a job's pictures, one line each: on the job page, and on the home page during an upload.
const jobList = (list, size) => {
  const texts = JSON.parse(list.dataset.lines);
  const blank = find("#job-row").content.firstElementChild;
  while (list.children.length < size) list.append(blank.cloneNode(true));
  const states = Object.keys(texts);
  const progressOf = new Float64Array(size);
  let sum = 0;

  return {
    progress: () => sum / size,
    show(number, name, state, progress, text = texts[state], saving = "") {
      const line = list.children[number];
      line.hidden = false;
      line.classList.remove(...states);
      line.classList.add(state);
      find("bdi", line).textContent = visible(name);
      find("small", line).textContent = text;
      find(".saving", line).textContent = saving;
      const bar = find("progress", line);
      sum += progress - progressOf[number];
      bar.value = progressOf[number] = progress;
      bar.setAttribute("aria-label", visible(name));
    },
    // Shows a row of the API.
    showRow(row) {
      const rendered = row.state === "rendered";
      const text = rendered ? `${filesize(row.bytes_before)} became ${filesize(row.bytes_after)}` : row.sentence;
      const line = list.children[row.number];
      const progress = row.state === "expected" ? 0 : row.state === "rendering" ? 0.8 : 1;
      this.show(row.number, row.name, row.state, progress, text || texts[row.state], rendered ? savings(row.saved_percent) : "");
      find("a", line).href = new URL(`pictures/${row.picture}`, site);
      if (row.thumbnail && !find("img", line)) {
        find(".thumb", line).append(Object.assign(new Image(), { alt: "", src: row.thumbnail }));
      }
    },
  };
};
