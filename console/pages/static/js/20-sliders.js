// Sliders over days: each sets the field it belongs to, shows the day while it is dragged, and asks once it is let go.
"use strict";
(() => {
  document.documentElement.classList.add("js");
  const DAY = 86400000;
  const day = (text) => Math.floor(Date.parse(text + "T00:00:00Z") / DAY);
  const text = (number) => new Date(number * DAY).toISOString().slice(0, 10);
  const ready = (root) => {
    for (const slider of root.querySelectorAll("input[data-days-for]")) {
      slider.min = day(slider.dataset.from);
      slider.max = day(slider.dataset.to);
      const now = day(slider.dataset.now);
      slider.value = Number.isNaN(now) ? slider.max : now;
      slider.setAttribute("aria-valuetext", text(Number(slider.value)));
    }
  };
  document.addEventListener("input", (event) => {
    const slider = event.target;
    if (!slider.dataset || !slider.dataset.daysFor) return;
    const shown = text(Number(slider.value));
    slider.setAttribute("aria-valuetext", shown);
    slider.form.elements[slider.dataset.daysFor].value = shown;
  });
  ready(document);
  document.addEventListener("htmx:afterSwap", () => ready(document));
})();
