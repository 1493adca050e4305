// What pages do beside being pages; without it everything is there but this.
"use strict";
// A choice that is made in a form of filters is asked for at once.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-at-once]");
  if (form) form.requestSubmit();
});
// What was left free in a form of filters is no part of its address, which would be long.
document.addEventListener("formdata", (event) => {
  if (event.target.method !== "get") return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});
