// Keeps the overview's numbers current. Without it the page is whole, and as of when it was opened.
"use strict";
(() => {
  const box = document.getElementById("live");
  const state = box.querySelector("[role=status]");
  const button = box.querySelector("button");
  const waiting = new Map();
  let source = null;
  let stopped = false;
  let seen = "";

  const say = (word, look) => {
    if (state.textContent !== word) state.textContent = word;
    state.className = `b ${look}`;
    button.textContent = source ? "Pause" : "Go on";
  };

  // What is being read by keyboard or selected is left as it is until that is over.
  const isBusy = (old) => {
    const selection = getSelection();
    return old.contains(document.activeElement) || (!selection.isCollapsed && selection.containsNode(old, true));
  };

  const show = (id, html) => {
    const old = document.getElementById(id);
    if (!old) return location.reload();
    if (isBusy(old)) return waiting.set(id, html);
    waiting.delete(id);
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = holder.content.firstElementChild;
    const unfolded = [...old.querySelectorAll("details")].map((details) => details.open);
    const places = [...old.querySelectorAll(".scroll")].map((part) => [part.scrollTop, part.scrollLeft]);
    fresh.querySelectorAll("details").forEach((details, n) => { details.open = unfolded[n] ?? false; });
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((part, n) => { [part.scrollTop, part.scrollLeft] = places[n] ?? [0, 0]; });
  };

  const showWaiting = () => [...waiting].forEach(([id, html]) => show(id, html));

  const stop = () => {
    source?.close();
    source = null;
  };

  const start = () => {
    stop();
    const address = new URL(box.dataset.from, location.href);
    if (seen) address.searchParams.set("since", seen);
    source = new EventSource(address);
    source.onopen = () => say("live", "good");
    source.onerror = () => {
      const isOver = source?.readyState === EventSource.CLOSED;
      if (isOver) stop();
      say(isOver ? "not live" : "connecting", isOver ? "paused" : "queued");
    };
    source.addEventListener("parts", (event) => {
      seen = event.lastEventId;
      Object.entries(JSON.parse(event.data)).forEach(([id, html]) => show(id, html));
    });
  };

  button.addEventListener("click", () => {
    stopped = source !== null;
    if (stopped) { stop(); say("paused", "paused"); } else start();
  });
  document.addEventListener("focusout", () => setTimeout(showWaiting));
  document.addEventListener("selectionchange", showWaiting);
  // Nobody looks at a hidden page; it is told all when it is shown again.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop(); else if (!stopped) start();
  });
  box.hidden = false;
  if (!document.hidden) start();
})();
