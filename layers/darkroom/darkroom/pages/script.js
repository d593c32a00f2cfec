// Home: the whole page takes a dropped picture, and says before sending what is too large.
const form = document.querySelector("form[data-limit]");
if (form) {
  const input = form.elements.upload;
  const button = form.querySelector("button");
  const status = form.querySelector("[role=status]");
  const limit = Number(form.dataset.limit);

  form.querySelector("[data-scripted]").hidden = false;
  for (const place of document.querySelectorAll("[data-address]")) {
    place.textContent = new URL(form.getAttribute("action"), location.href).href;
  }

  form.addEventListener("submit", (event) => {
    const file = input.files[0];
    if (file.size > limit) {
      event.preventDefault();
      const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
      status.textContent = `${file.name} has ${megabytes(file.size)}; this page takes up to ${megabytes(limit)}.`;
      return;
    }
    status.textContent = `Sending ${file.name} ...`;
    button.disabled = true;
  });

  // The browser's Back brings this page as it was left.
  addEventListener("pageshow", () => {
    status.textContent = "";
    button.disabled = false;
  });

  addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (button.disabled || !event.dataTransfer.files.length) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    input.files = one.files;
    form.requestSubmit();
  });
}

// Waiting: ask this address until it no longer says 202, then show what it became.
if (document.querySelector("main[data-poll]")) {
  let pause = 500;
  const look = async () => {
    try {
      const { status } = await fetch(location.href, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (status !== 202 && status !== 429 && status < 500) return location.reload();
    } catch {
      // No connection just now: the next look may have one.
    }
    pause = Math.min(pause * 1.5, 5000);
    setTimeout(look, pause);
  };
  setTimeout(look, pause);
}
