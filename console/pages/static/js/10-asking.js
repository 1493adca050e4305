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
  // A page that a browser kept whole is shown to whom it was shown to before; to anybody else it is asked for anew.
  const WHO = /<body data-who="([^"]*)"/;
  const another = (text) => (WHO.exec(text) || [])[1] !== document.body.dataset.who;
  const anew = () => location.replace(here());
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    document.body.hidden = true;
    fetch(SIGN_IN, { cache: "no-store" })
      .then((answer) => answer.text())
      .then((text) => (another(text) ? anew() : (document.body.hidden = false)))
      .catch(anew);
  });
  // A page that looks again by itself takes nothing away from who types, has changed a field, or opened something.
  const first = (select) => Math.max(0, [...select.options].findIndex((option) => option.defaultSelected));
  const changed = (one) => (one.options ? one.selectedIndex !== first(one) : one.value !== one.defaultValue);
  document.addEventListener("htmx:beforeRequest", (event) => {
    const page = live(event.detail.elt);
    if (!page || page !== event.detail.elt) return;
    const fields = [...page.querySelectorAll("input, select, textarea")];
    const busy = fields.includes(document.activeElement) || fields.some(changed);
    if (busy || page.querySelector("details[open]")) event.preventDefault();
  });
  // Nobody is signed in any more: the whole page goes there, and comes back. With somebody else, in another tab, all of it is
  // another page.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answer = event.detail.xhr;
    const who = WHO.exec(answer.responseText);
    if (new URL(answer.responseURL, location.href).pathname === SIGN_IN) {
      event.preventDefault();
      location.assign(SIGN_IN + "?next=" + encodeURIComponent(here()));
    } else if (who && who[1] && another(answer.responseText)) {
      event.preventDefault();
      if (live(event.detail.target)) location.reload();
      else location.assign(event.detail.pathInfo.finalRequestPath);
    } else if (event.detail.shouldSwap && live(event.detail.target)) keep(event.detail.target);
  });
  // Where the keyboard is, and how far a wide table is moved aside, stays when the page has looked again.
  let kept = null;
  const places = "a[href], button, summary, [tabindex]";
  const named = (one) => [one.tagName, one.getAttribute("href"), one.getAttribute("aria-label"), one.textContent.trim()].join("\n");
  const keep = (page) => {
    const focused = page.contains(document.activeElement) && document.activeElement.matches(places) ? named(document.activeElement) : null;
    kept = { focused, aside: [...page.querySelectorAll(".wide")].map((one) => [one.getAttribute("aria-label"), one.scrollLeft]) };
  };
  document.addEventListener("htmx:afterSwap", () => {
    if (!kept) return;
    const { focused, aside } = kept;
    kept = null;
    const page = document.querySelector("[data-live]");
    if (!page) return;
    for (const one of page.querySelectorAll(".wide")) {
      const before = aside.find(([label]) => label === one.getAttribute("aria-label"));
      if (before) one.scrollLeft = before[1];
    }
    const again = focused && [...page.querySelectorAll(places)].find((one) => named(one) === focused);
    if (again) again.focus({ preventScroll: true });
  });
  // What a membership's sliders change is read aloud: its first sentence.
  document.addEventListener("htmx:afterSwap", () => {
    const told = document.getElementById("told");
    const first = document.querySelector("#seen-first .first");
    if (told && first) told.textContent = first.textContent.replace(/\s+/g, " ").trim();
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
