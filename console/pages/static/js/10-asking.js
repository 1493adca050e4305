// What a page asks for while it stands, and what becomes of it where the answer is another than hoped for.
"use strict";
(() => {
  const SIGN_IN = "/console/sign-in";
  const here = () => location.pathname + location.search;
  const live = (element) => element.closest("[data-live]");
  const stale = (text) => {
    const note = document.getElementById("stale");
    if (note) {
      note.textContent = text;
      note.hidden = false;
    }
  };
  // A page that looks again by itself takes nothing away from who types, has changed a field, or opened something.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const page = live(event.detail.elt);
    if (!page || page !== event.detail.elt) return;
    const busy = page.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
    const changed = [...page.querySelectorAll("input, textarea")].some((one) => one.value !== one.defaultValue);
    if (busy || changed || page.querySelector("details[open]")) event.preventDefault();
  });
  // Nobody is signed in any more: the whole page goes there, and comes back.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (new URL(event.detail.xhr.responseURL, location.href).pathname !== SIGN_IN) return;
    event.preventDefault();
    location.assign(SIGN_IN + "?next=" + encodeURIComponent(here()));
  });
  // What is refused is shown as the page that it is, under the address that was asked for.
  document.addEventListener("htmx:responseError", (event) => {
    if (live(event.detail.elt)) stale("Not brought up to date since: the service answered " + event.detail.xhr.status + ".");
    else location.assign(event.detail.pathInfo.finalRequestPath);
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (live(event.detail.elt)) stale("Not brought up to date since: the service does not answer.");
  });
})();
