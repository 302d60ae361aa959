// Puts in what the gateway sends over /events as it changes. Without this script the page loads itself anew.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live || !window.EventSource) return;
  const STALE = 5000, AGAIN = 5000;
  const waiting = new Map();  // what a list that stands still has not been given yet
  let heard = Date.now(), source = null;

  // What names an element before and after its section is put in anew.
  const nameOf = (element) => element.id || element.getAttribute("href");

  function put(id, html) {
    if (id === "title") {
      document.title = new DOMParser().parseFromString(html, "text/html").body.textContent;
      return;
    }
    const part = document.getElementById(id);
    if (!part) return;
    waiting.delete(id);
    delete part.dataset.still;
    if (part.innerHTML === html) return;
    const active = document.activeElement;  // the part itself, where a link to it led or a click, stays as it is
    const focused = active !== part && part.contains(active) ? nameOf(active) : null;
    const fresh = document.createElement("template");
    fresh.innerHTML = html;  // the gateway's own markup: it has escaped what others wrote
    const again = focused && [...fresh.content.querySelectorAll("a, summary, button")].find((e) => nameOf(e) === focused);
    if (focused && !again && id === "messages") {  // rows go by: nobody could walk through them with keys
      waiting.set(id, html);
      part.dataset.still = "";
      return;
    }
    const open = [...part.querySelectorAll("details[open] > summary")].map(nameOf);
    for (const summary of fresh.content.querySelectorAll("summary"))
      if (open.includes(nameOf(summary))) summary.parentElement.open = true;
    part.replaceChildren(fresh.content);
    if (focused) (again || part).focus({ preventScroll: true });
  }

  document.addEventListener("focusout", () => setTimeout(() => {
    for (const [id, html] of waiting)
      if (!document.getElementById(id).contains(document.activeElement)) put(id, html);
  }));

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
