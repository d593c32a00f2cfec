// Picture page: the button deletes the picture when it is pressed a second time.
const deleteButton = find("[data-delete]");
if (deleteButton) {
  const label = deleteButton.textContent;
  let timer;
  deleteButton.hidden = false;
  deleteButton.addEventListener("click", async () => {
    clearTimeout(timer);
    if (deleteButton.textContent === label) {
      deleteButton.textContent = "Press again to delete";
      timer = setTimeout(() => (deleteButton.textContent = label), 6000);
      return;
    }
    deleteButton.disabled = true;
    try {
      await fetchJson(new URL(`pictures/${deleteButton.dataset.delete}`, site), { method: "DELETE" });
      location.assign(site);
    } catch (fault) {
      deleteButton.disabled = false;
      deleteButton.textContent = label;
      find("[data-delete-status]").textContent = `Not deleted: ${fault.message}`;
    }
  });
}
