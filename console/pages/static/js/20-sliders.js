// Sliders over days: each sets the field it belongs to, shows the day while it is dragged, and asks once it is let go.
"use strict";
(() => {
  document.documentElement.classList.add("js");
  const DAY = 86400000;
  const day = (text) => Math.floor(Date.parse(text + "T00:00:00Z") / DAY);
  const text = (number) => new Date(number * DAY).toISOString().slice(0, 10);
  // The ends of the sliders, and their places, as what is seen says them; whoever has moved on meanwhile is not moved back.
  const ready = () => {
    const seen = document.getElementById("seen");
    if (!seen) return;
    for (const slider of document.querySelectorAll("input[data-days-for]")) {
      const name = slider.dataset.daysFor;
      const asked = slider.form.elements[name].value.trim();
      const answered = seen.getAttribute("data-" + name);
      slider.min = day(seen.dataset.from);
      slider.max = day(seen.dataset.to);
      if (asked && asked.slice(0, 10) !== answered) continue;
      const place = day(answered);
      slider.value = Number.isNaN(place) ? slider.max : place;
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
  ready();
  document.addEventListener("htmx:afterSwap", ready);
})();
