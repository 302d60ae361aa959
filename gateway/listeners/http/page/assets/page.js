// Puts in what the gateway sends over /events as it changes. Without this script the page loads itself anew.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live || !window.EventSource) return;
  const STALE = 5000, AGAIN = 5000;
  let heard = Date.now(), source = null;

  // What names an element before and after its section is put in anew.
  const nameOf = (element) => element.id || element.getAttribute("href");

  function put(id, html) {
    if (id === "title") {
      document.title = new DOMParser().parseFromString(html, "text/html").body.textContent;
      return;
    }
    const part = document.getElementById(id);
    if (!part || part.innerHTML === html) return;
    const focused = part.contains(document.activeElement) ? nameOf(document.activeElement) : null;
    const open = [...part.querySelectorAll("details[open] > summary")].map(nameOf);
    part.innerHTML = html;  // the gateway's own markup: it has escaped what others wrote
    for (const summary of part.querySelectorAll("summary"))
      if (open.includes(nameOf(summary))) summary.parentElement.open = true;
    if (focused)
      [...part.querySelectorAll("a, summary, button")].find((e) => nameOf(e) === focused)?.focus({ preventScroll: true });
  }

  function say(state, words) {
    live.dataset.state = state;
    if (words) live.textContent = words;
  }

  function connect() {
    source = new EventSource("/events");
    source.onmessage = (event) => {
      const { id, html } = JSON.parse(event.data);
      heard = Date.now();
      say("live");
      put(id, html);
    };
    source.addEventListener("end", () => {
      source.close();
      setTimeout(connect, AGAIN);
    });
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN);
    };
  }

  setInterval(() => {
    const silent = Date.now() - heard;
    if (silent > STALE) say("stale", `nothing heard for ${Math.round(silent / 1000)} s: what you see is old`);
  }, 1000);
  connect();
})();
