// Times of ours stand in UTC in the page; here they become the reader's own, with UTC on hover.
(() => {
  "use strict";
  const clock = { hour: "2-digit", minute: "2-digit", hour12: false };
  const tell = (at, now) => {
    const time = at.toLocaleTimeString("en-GB", clock);
    if (at.toDateString() === now.toDateString()) return time;
    const date = { day: "numeric", month: "short" };
    if (at.getFullYear() !== now.getFullYear()) date.year = "numeric";
    return `${at.toLocaleDateString("en-GB", date)}, ${time}`;
  };
  const translate = (part) => {
    const now = new Date();
    for (const element of part.querySelectorAll('time[title$=" UTC"]')) {
      const at = new Date(element.dateTime);
      if (!Number.isNaN(at.getTime())) element.textContent = tell(at, now);
    }
  };
  translate(document);
  document.addEventListener("htmx:afterSettle", () => translate(document));
})();
