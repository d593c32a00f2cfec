// Picture page: two pictures in one frame with a slider, and a choice of both, and of the zoom.
const compare = find(".compare");
if (compare) {
  const stage = find(".stage", compare);
  const pan = find(".pan", stage);
  const pair = find(".pair", stage);
  const before = find(".picture-before img", pair);
  const after = find(".picture-after img", pair);
  const slider = find(".slider", compare);
  const status = find("[role=status]", compare);
  const frame = { width: Number(compare.dataset.width), height: Number(compare.dataset.height) };
  const rows = [...findAll("tr[data-format]")];
  let zoom = 0; // device pixels per picture pixel; 0 fits the window

  const fitScale = () => Math.min(1, stage.clientWidth / frame.width, (0.78 * innerHeight) / frame.height);
  const layOut = () => {
    const scale = zoom ? zoom / devicePixelRatio : fitScale();
    pair.style.setProperty("--width", `${frame.width * scale}px`);
    pair.style.setProperty("--height", `${frame.height * scale}px`);
    compare.classList.toggle("zoomed", zoom > 0);
    compare.classList.toggle("pixels", zoom > 1);
    compare.classList.toggle("tiny", frame.width * scale < 160);
    pan.tabIndex = zoom ? 0 : -1;
    divide();
  };
  // The slider's range is the visible part of the picture, wherever it is scrolled to.
  const visiblePart = () => {
    const stageBox = stage.getBoundingClientRect();
    const pairBox = pair.getBoundingClientRect();
    const left = Math.max(stageBox.left, pairBox.left);
    const right = Math.min(stageBox.left + pan.clientWidth, pairBox.right);
    return { left: left - stageBox.left, width: right - left, hidden: left - pairBox.left };
  };
  const divide = () => {
    if (!slider) return;
    const { left, width, hidden } = visiblePart();
    const at = (width * slider.value) / 100;
    pair.style.setProperty("--picture-divider", `${hidden + at}px`);
    stage.style.setProperty("--stage-divider", `${left + at}px`);
    slider.style.setProperty("--visible-width", `${width}px`);
    slider.setAttribute("aria-valuetext", `${slider.value}% before, ${100 - slider.value}% after`);
  };

  const chosen = (group) => find(`[data-choice=${group}] :checked`, compare)?.value;
  const chosenRow = () =>
    rows.find(({ dataset }) => dataset.format === chosen("format") && dataset.width === chosen("width"));
  // Shows a rendition in one of the two images, with its caption, unless another one is chosen meanwhile.
  const show = async (element, caption, choice, isChosen) => {
    const image = Object.assign(new Image(), { src: choice.url });
    try {
      await image.decode(); // keeps the old picture until the new one can be shown
    } catch {
      status.textContent = `This browser can't show ${choice.format}.`;
      return;
    }
    if (!isChosen()) return;
    element.src = image.src;
    status.textContent = caption.textContent = choice.caption;
  };
  const showChosen = () => {
    const row = chosenRow();
    return show(after, find("[data-after]", compare), row.dataset, () => row === chosenRow());
  };
  const addChoice = (group, options, checked, onChange) => {
    const field = find(`[data-choice=${group}]`, compare);
    for (const [value, text] of options) {
      const label = document.createElement("label");
      const radio = Object.assign(document.createElement("input"), { type: "radio", name: group, value, className: "visually-hidden" });
      radio.checked = value === checked;
      label.append(radio, text);
      field.append(label);
    }
    field.hidden = false;
    field.addEventListener("change", onChange);
  };
  // Not every format has every width.
  const disableMissingWidths = () => {
    const widths = rows.filter(({ dataset }) => dataset.format === chosen("format")).map(({ dataset }) => dataset.width);
    const radios = [...findAll("[data-choice=width] input", compare)];
    for (const radio of radios) radio.disabled = !widths.includes(radio.value);
    if (radios.find((radio) => radio.checked)?.disabled) radios.findLast((radio) => !radio.disabled).checked = true;
  };

  compare.classList.add("scripted");
  find(".captions", compare).hidden = false;
  const best = rows.find((row) => row.classList.contains("best")) ?? rows.at(-1);
  const distinct = (name) => [...new Set(rows.map(({ dataset }) => dataset[name]))];
  addChoice("format", distinct("format").map((format) => [format, format]), best.dataset.format, () => {
    disableMissingWidths();
    showChosen();
  });
  const widths = distinct("width").sort((a, b) => a - b);
  addChoice("width", widths.map((width) => [width, width]), best.dataset.width, showChosen);
  addChoice("zoom", [["0", "Fit"], ["1", "100%"], ["2", "200%"]], "0", () => {
    zoom = Number(chosen("zoom"));
    layOut();
    pan.scrollTo((pan.scrollWidth - pan.clientWidth) / 2, (pan.scrollHeight - pan.clientHeight) / 2);
  });

  // Zooms by a factor; the point of the picture at this place of the window stays there.
  const zoomBy = (factor, { clientX, clientY }) => {
    const box = pair.getBoundingClientRect();
    const fit = fitScale() * devicePixelRatio;
    const wanted = (zoom || fit) * factor;
    const [across, down] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    zoom = wanted <= fit ? 0 : Math.min(wanted, Math.max(8, fit));
    for (const radio of findAll("[data-choice=zoom] input", compare)) radio.checked = Number(radio.value) === zoom;
    layOut();
    const moved = pair.getBoundingClientRect();
    pan.scrollBy(moved.left + across * moved.width - clientX, moved.top + down * moved.height - clientY);
  };
  // Browsers report a pinch on a touchpad as a wheel with Ctrl.
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY / 200), event);
    },
    { passive: false },
  );
  let fingers = 0; // the distance of two fingers, in CSS pixels
  const distance = ([one, two]) => Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
  stage.addEventListener("touchstart", ({ touches }) => (fingers = touches.length === 2 ? distance(touches) : 0), { passive: true });
  stage.addEventListener(
    "touchmove",
    (event) => {
      if (event.touches.length !== 2 || !fingers) return;
      event.preventDefault();
      const [one, two] = event.touches;
      const now = distance(event.touches);
      zoomBy(now / fingers, { clientX: (one.clientX + two.clientX) / 2, clientY: (one.clientY + two.clientY) / 2 });
      fingers = now;
    },
    { passive: false },
  );
  if (slider) {
    const left = find("[data-choice=left] select", compare);
    const choices = [
      { url: before.src, format: "this picture", caption: find("[data-before]", compare).textContent, label: "Before" },
      ...rows.map(({ dataset }) => ({ ...dataset, label: `${dataset.format} ${dataset.width}` })),
    ];
    choices.forEach(({ label }, index) => left.add(new Option(label, index)));
    left.addEventListener("change", () => {
      const { value } = left;
      show(before, find("[data-before]", compare), choices[value], () => left.value === value);
    });
    find("[data-choice=left]", compare).hidden = false;
    find("[data-gestures]", compare).hidden = false;
    compare.classList.add("split");
    slider.hidden = false;
    slider.addEventListener("input", divide);
    pan.addEventListener("scroll", divide, { passive: true });
    const drag = (event) => {
      if (fingers) return;
      const { left, width } = visiblePart();
      slider.value = (100 * (event.clientX - stage.getBoundingClientRect().left - left)) / width;
      divide();
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.button || zoom) return;
      event.preventDefault();
      stage.setPointerCapture(event.pointerId);
      drag(event);
    });
    stage.addEventListener("pointermove", (event) => stage.hasPointerCapture(event.pointerId) && drag(event));
  }
  // Zoomed in, the mouse drags the picture; touch scrolls it natively.
  pan.addEventListener("pointerdown", (event) => {
    if (event.button || !zoom || event.pointerType !== "mouse") return;
    event.preventDefault();
    pan.setPointerCapture(event.pointerId);
  });
  pan.addEventListener("pointermove", (event) => {
    if (pan.hasPointerCapture(event.pointerId)) pan.scrollBy(-event.movementX, -event.movementY);
  });
  new ResizeObserver(layOut).observe(stage);
  disableMissingWidths();
  layOut();
  showChosen();
}
