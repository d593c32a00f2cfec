// Copy buttons: put the code beside them, or an address, on the clipboard.
for (const button of findAll("[data-copy]")) {
  button.hidden = !navigator.clipboard; // exists on https and localhost only
  button.addEventListener("click", async () => {
    const { copy } = button.dataset; // a relative address, or empty
    await navigator.clipboard.writeText(copy ? new URL(copy, location.href).href : find("code", button.parentElement).textContent);
    const label = [...button.childNodes];
    button.replaceChildren("Copied");
    setTimeout(() => button.replaceChildren(...label), 2000);
  });
}
