// Parts of a page that move are replaced whole; what is open in them stays open, and the focus stays where it was.
(() => {
  "use strict";
  const open = new Map();
  let focused = null;
  const nameOf = (element) => {
    if (element.id) return element.id;
    if (element.matches("summary")) return `summary of ${element.parentElement.id}`;
    const leadsTo = element.getAttribute("href") ?? element.form?.getAttribute("action") ?? "";
    return `${element.tagName} ${leadsTo}`;
  };
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    for (const details of part.querySelectorAll("details[id]")) open.set(details.id, details.open);
    const active = document.activeElement;
    if (active && active !== part && part.contains(active)) focused = nameOf(active);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, isOpen] of open) {
      const details = document.getElementById(id);
      if (details) details.open = isOpen;
    }
    open.clear();
    if (focused === null || document.activeElement !== document.body) return;
    const found = [...document.querySelectorAll("a, button, summary, [tabindex], [id]")];
    found.find((element) => nameOf(element) === focused)?.focus({ preventScroll: true });
    focused = null;
  });
})();
