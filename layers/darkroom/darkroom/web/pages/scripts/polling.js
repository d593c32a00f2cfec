// Waiting page: polls its own address while the status is 202, then reloads.
if (find("main[data-poll]")) {
  let pause = 500;
  const poll = async () => {
    try {
      const { status } = await fetch(location.href, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (status !== 202 && status !== 429 && status < 500) return location.reload();
    } catch {
      // No connection: the next attempt may have one.
    }
    pause = Math.min(pause * 1.5, 5000);
    setTimeout(poll, pause);
  };
  setTimeout(poll, pause);
}
