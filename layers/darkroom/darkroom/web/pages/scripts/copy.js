// Copy buttons: put the code beside them on the clipboard.
for (const button of findAll("[data-copy]")) {
  button.hidden = !navigator.clipboard; // exists on https and localhost only
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(find("code", button.parentElement).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}
