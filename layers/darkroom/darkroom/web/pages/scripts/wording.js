// Sizes, percentages and the progress of jobs as text, as formatting.py and wording.py have them.
const short = (value) => value.toFixed(1).replace(/\.0$/, "");
const filesize = (bytes) => {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  let value = bytes / 1e3;
  let unit = "KB";
  for (const next of ["MB", "GB"]) {
    if (value < 999.5) break;
    value /= 1e3;
    unit = next;
  }
  return `${value < 9.95 ? short(value) : value.toFixed(0)} ${unit}`;
};
// Joins each number to its unit with a no-break space.
const tied = (text) => text.replace(/(\d) (?=[KMG]B|bytes?|px)/g, "$1\u00a0");
const share = (percent) => `${short(percent > 99.9 && percent < 100 ? 99.9 : percent)}%`;
const savings = (percent) =>
  Math.abs(percent) < 0.05 ? "the same size" : `${share(Math.abs(percent))} ${percent > 0 ? "smaller" : "larger"}`;
// Escapes characters that change the direction of text.
const visible = (text) =>
  text.replace(/\p{Bidi_Control}/gu, (character) => `\\u${character.codePointAt(0).toString(16).padStart(4, "0")}`);
const pictures = (count) => `${count.toLocaleString("en")} ${count === 1 ? "picture" : "pictures"}`;

const isComplete = (job) => job.state === "complete";
const jobHeadline = (job) => {
  const done = job.size - job.waiting;
  if (!isComplete(job)) return `${pictures(job.size)}, ${done.toLocaleString("en")} done`;
  if (!job.counts.rendered) return `${pictures(job.size)}, none rendered`;
  return `${pictures(job.size)}: ${filesize(job.bytes_before)} became ${filesize(job.bytes_after)}`;
};
const jobCounts = (job) =>
  Object.entries({ ...job.counts, waiting: job.waiting })
    .filter(([, count]) => count)
    .map(([state, count]) => `${count.toLocaleString("en")} ${state}`)
    .join(", ");
