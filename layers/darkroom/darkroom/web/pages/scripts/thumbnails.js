// Home page: fades thumbnails in over their placeholders.
for (const image of findAll(".print .soft + img")) {
  if (image.complete) continue;
  image.classList.add("coming");
  for (const event of ["load", "error"]) image.addEventListener(event, () => image.classList.remove("coming"));
}
