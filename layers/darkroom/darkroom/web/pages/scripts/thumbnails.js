// Home page: fades thumbnails in over their placeholders.
for (const image of findAll(".frame .placeholder + img")) {
  if (image.complete) continue;
  image.classList.add("loading");
  for (const event of ["load", "error"]) image.addEventListener(event, () => image.classList.remove("loading"));
}
