// Playground: the settings edit the profile's text, a dropped file is the picture, and a trial that can't start says why.
const playground = find("form[data-playground]");
if (playground) {
  const { upload, profile } = playground.elements;
  const settings = find("[data-settings]", playground);
  const field = (name) => find(`[data-${name}]`, settings);
  const formats = [...findAll("[data-format]", settings)].map((used) => {
    const line = used.closest("p");
    return { name: used.dataset.format, used, kind: find("select", line), value: find("input[type=number]", line) };
  });
  const status = find("[role=status]", playground);
  const numbers = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);

  // The profile in the text, if it has the settings; null for a built-in one, or while it is being written.
  const parsed = () => {
    try {
      const draft = JSON.parse(profile.value);
      return draft.ladders.main.formats && draft.ladders.main.widths.join ? draft : null;
    } catch {
      return null;
    }
  };
  const showSettings = () => {
    const main = parsed()?.ladders.main;
    for (const control of findAll("input, select:not([data-base])", settings)) control.disabled = !main;
    if (!main) return;
    field("widths").value = main.widths.join(", ");
    for (const { name, used, kind, value } of formats) {
      const choice = main.formats[name];
      used.checked = Boolean(choice);
      if (choice) [[kind.value, value.value]] = Object.entries(choice);
      kind.disabled = !used.checked || name === "png"; // PNG has a target only
      value.disabled = !used.checked;
    }
    const { fit = "", ratio, focus } = main.crop ?? {};
    field("fit").value = fit;
    if (ratio) field("ratio").value = ratio.join(":");
    if (focus) field("focus-point").value = String(focus);
    for (const name of ["ratio", "focus-point"]) field(name).disabled = !fit;
  };
  const writeProfile = () => {
    const draft = parsed();
    const { main } = draft.ladders;
    if ([...field("base").options].some(({ text }) => text === draft.name)) draft.name = "mine"; // it is a built-in one no more
    main.widths = numbers(field("widths").value);
    const used = formats.filter((format) => format.used.checked);
    main.formats = Object.fromEntries(used.map(({ name, kind, value }) => [name, { [kind.value]: Number(value.value) }]));
    delete main.crop;
    if (field("fit").value) {
      const focus = field("focus-point").value;
      main.crop = {
        fit: field("fit").value,
        ratio: numbers(field("ratio").value),
        focus: focus.trim() === "auto" ? "auto" : numbers(focus),
      };
    }
    // Lists of numbers, and targets, on one line.
    profile.value = JSON.stringify(draft, null, 2)
      .replace(/(?<="(?:widths|ratio|focus)": )\[[\s\d.,]*\]/g, (list) => list.replace(/\s+/g, " ").replace("[ ", "[").replace(" ]", "]"))
      .replace(/\{\s+("(?:target|quality)": [\d.]+)\s+\}/g, "{$1}");
  };

  const checkSize = () => {
    const [file] = upload.files;
    const limit = Number(playground.dataset.playground);
    const tooLarge = file?.size > limit;
    upload.setCustomValidity(tooLarge ? `The file has ${filesize(file.size)}; the limit is ${filesize(limit)}.` : "");
    if (tooLarge) upload.reportValidity();
    if (file) for (const radio of findAll("[name=picture]", playground)) radio.checked = false;
  };

  for (const hidden of [settings, ...findAll("[data-scripted]", playground)]) hidden.hidden = false;
  showSettings();
  profile.addEventListener("input", showSettings);
  settings.addEventListener("change", ({ target }) => {
    if (target === field("base")) profile.value = target.value || profile.defaultValue;
    else writeProfile();
    showSettings();
  });
  upload.addEventListener("change", checkSize);
  for (const radio of findAll("[name=picture]", playground)) {
    radio.addEventListener("change", () => {
      upload.value = "";
      checkSize();
    });
  }
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    upload.files = event.dataTransfer.files;
    checkSize();
  });
  playground.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.submitter.disabled = true;
    status.textContent = "Starting …";
    try {
      const { page } = await fetchJson(playground.action, { method: "POST", body: new FormData(playground) });
      location.assign(new URL(page, playground.action));
    } catch (fault) {
      status.textContent = fault.message;
      event.submitter.disabled = false;
    }
  });
}
