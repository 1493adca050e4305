// A slider says beside it how far it is.
"use strict";
document.addEventListener("input", (event) => {
  const slider = event.target;
  if (!slider.dataset || !("shown" in slider.dataset)) return;
  slider.parentElement.querySelector("output").value = slider.value;
});
