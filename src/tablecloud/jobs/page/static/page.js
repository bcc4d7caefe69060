// Follows the page's event stream: `fragment` replaces what changes, `log` adds lines. Texts of jobs enter as text only.
"use strict";
(() => {
  const main = document.querySelector("main[data-changes]");
  if (!main) return;
  const log = document.getElementById("log");
  const limit = 5000;
  const source = new EventSource(main.dataset.changes);
  source.addEventListener("fragment", (event) => {
    document.getElementById("fragment").innerHTML = JSON.parse(event.data);
  });
  source.addEventListener("log", (event) => {
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    for (const line of JSON.parse(event.data)) {
      const row = document.createElement("div");
      row.className = "line severity-" + line.severity;
      row.textContent = line.text;
      log.append(row);
    }
    while (log.childElementCount > limit) log.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  });
  source.addEventListener("end", () => source.close());
})();
