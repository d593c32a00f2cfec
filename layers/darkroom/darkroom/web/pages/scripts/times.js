// Times in the reader's language and time zone; the page has them in UTC.
const localTime = (moment) => moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
const showLocalTimes = (from = document) => {
  for (const time of findAll("time[datetime]", from)) {
    time.title = time.dateTime;
    time.textContent = localTime(new Date(time.dateTime));
  }
};
showLocalTimes();
