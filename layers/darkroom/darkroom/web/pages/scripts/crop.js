// The crop on a picture's page: a click is a focus; the page is loaded again when the picture is rendered.
const focusStatus = find("[data-focus-status]");
if (focusStatus) {
  const picture = find(".crop svg");
  const forms = findAll("[data-focus]");
  const input = find("#focus");
  picture.classList.add("clickable");
  find("[data-scripted]", forms[0]).hidden = false;

  const timeOfRendering = async () => (await fetchJson(location.href)).at;
  const renderAgain = async (form) => {
    const before = await timeOfRendering();
    await fetchJson(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    focusStatus.textContent = "Rendering again …";
    for (let tries = 0; tries < 60; tries++) {
      await sleep(1000);
      if ((await retried(timeOfRendering)) !== before) return location.reload();
    }
    focusStatus.textContent = "It takes longer than usual. Reload this page later.";
  };
  for (const form of forms) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      renderAgain(form).catch((fault) => (focusStatus.textContent = fault.message));
    });
  }
  picture.addEventListener("click", ({ clientX, clientY }) => {
    const point = new DOMPoint(clientX, clientY).matrixTransform(picture.getScreenCTM().inverse());
    const { width, height } = picture.viewBox.baseVal;
    const share = (value, whole) => Math.min(Math.max(value / whole, 0), 1).toFixed(3);
    input.value = `${share(point.x, width)},${share(point.y, height)}`;
    forms[0].requestSubmit();
  });
}
